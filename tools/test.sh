#!/usr/bin/env bash
# Runs the checks and the tests in an environment of their own: bash tools/test.sh [pytest's arguments]
# Without arguments: ruff, mypy, known vulnerabilities of the dependencies, then all tests.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh
environment test
if [ $# -eq 0 ]; then
    ruff check .
    ruff format --check .
    mypy
    python tools/audit.py
fi
# the tests of a file run in one process, so that what they share is made once
exec python -m pytest -n 2 --dist loadscope "$@"
