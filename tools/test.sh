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
# each process takes one half, so that what the tests of a file share is made once, and helps the other at the end
exec python -m pytest -n 2 --dist worksteal "$@"
