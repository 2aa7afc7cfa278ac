#!/bin/sh
# Mutation tests of credguard/rotation in a throw-away copy: takes hours, so no check runs it.
#
#   tests/mutate.sh FOLDER [MUTANT..]   FOLDER: an empty folder for the copy and the results
#
# Needs the development environment (./install.sh --test) and mutmut 3, named by MUTMUT.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
folder=$1
shift
mkdir -p -- "$folder"
cd -- "$folder"
cp -R "$here/credguard" "$here/tests" "$here/hooks" "$here/README.md" "$here/pyproject.toml" .
cat >>pyproject.toml <<'TOML'

[tool.mutmut]
source_paths = ["credguard/rotation/"]
only_mutate = ["credguard/rotation/*.py"]
also_copy = ["credguard", "tests", "pyproject.toml"]
pytest_add_cli_args = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = [
  "tests/rotation/", "-k", "not contract and not double and not two_failures",
]
TOML
site=$(echo "$here"/.venv-dev/lib/python3*/site-packages)
PYTHONPATH=$site nice "${MUTMUT:-mutmut}" run "$@"
PYTHONPATH=$site "${MUTMUT:-mutmut}" results
