#!/usr/bin/env bash
# Writes tools/constraints.txt: the versions of all dependencies that the tests pass with.  bash tools/lock.sh
# Run it after `bash tools/test.sh` in a fresh environment; environments are made with these versions.
set -euo pipefail
cd "$(dirname "$0")/.."
{
    echo "# Versions of all dependencies, direct and indirect, with which the tests pass. Written by tools/lock.sh."
    .venv/bin/python -m pip freeze --exclude-editable --disable-pip-version-check
} >tools/constraints.txt.part
mv tools/constraints.txt.part tools/constraints.txt
