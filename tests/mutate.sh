#!/bin/sh
# Mutation tests of credguard/rotation in a throw-away copy: too long for a check.
#
#   tests/mutate.sh FOLDER [OPTION..]   FOLDER: for the copy and the results, made when absent
#
#   --mutants driver --mutants x__look   those whose name has this, one after another; in each in
#                                        random order, so that a part says something of all
#   --budget 5                           CPU seconds of tests a mutant; what is left over: "cut"
#
# Needs the development environment (./install.sh --test) and a Python that has mutmut 3 and pytest,
# named by MUTMUT_PYTHON. What FOLDER/mutants.jsonl names already is not run again, nor are the tests
# measured again: after a change take a new folder.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
folder=$1
shift
rm -rf -- "$folder/credguard" "$folder/tests"
mkdir -p -- "$folder"
cd -- "$folder"
cp -R "$here/credguard" "$here/tests" "$here/hooks" "$here/README.md" "$here/pyproject.toml" .
printf '[tool.mutmut]\nsource_paths = ["credguard/rotation/"]\n' >>pyproject.toml
PYTHONPATH=. "${MUTMUT_PYTHON:-python3}" tests/mutants.py credguard/rotation/*.py
nice "${PYTHON:-$here/.venv-dev/bin/python}" -m pytest -p tests.mutants -q -p no:cacheprovider \
    --basetemp="$PWD/tmp" \
    -m 'not slow' tests/rotation -k 'not contract and not double and not two_failures' "$@"
grep -v '"killed"' mutants.jsonl || true
