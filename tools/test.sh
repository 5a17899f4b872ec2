#!/usr/bin/env bash
# Runs the tests in an environment of their own: bash tools/test.sh [pytest's arguments]
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh
environment test
exec python -m pytest -n 2 "$@"
