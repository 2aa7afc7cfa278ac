#!/bin/sh
# Writes the lock files again from pyproject.toml and the .in files. Needs uv.
# `--upgrade` takes newer versions.
set -eu
cd "$(dirname "$0")/.."
lock() {
    output=$1
    shift
    uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --only-binary :all: \
        --no-config --default-index https://pypi.org/simple \
        --no-emit-index-url --no-emit-find-links --no-emit-build-options --no-header \
        "$@" --output-file "$output"
}
unset UV_FIND_LINKS UV_INDEX UV_EXTRA_INDEX_URL
lock requirements/runtime.txt pyproject.toml "$@"
lock requirements/build.txt requirements/build.in "$@"
lock requirements/dev.txt pyproject.toml requirements/build.in requirements/dev.in \
    --constraint requirements/runtime.txt --constraint requirements/build.txt "$@"
lock credguard/demo/requirements.txt requirements/demo.in --constraint requirements/dev.txt "$@"
lock requirements/bench.txt requirements/bench.in --constraint requirements/dev.txt "$@"
