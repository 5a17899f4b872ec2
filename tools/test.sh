#!/usr/bin/env bash
# Runs the checks and the tests in an environment of their own: bash tools/test.sh [pytest's arguments]
# Without arguments: ruff, mypy, then all tests.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh
environment test
if [ $# -eq 0 ]; then
    ruff check .
    ruff format --check .
    mypy
fi
exec python -m pytest -n 2 "$@"
