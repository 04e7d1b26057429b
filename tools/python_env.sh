# SPDX-License-Identifier: Apache-2.0

# Sourced by the scripts beside it: finds Python and makes environments.

# Sets PYTHON to an interpreter that is new enough and can make environments;
# the one that the caller names in PYTHON goes first.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 \
            python3.13 python3.14; do
        if "$candidate" -c 'import ensurepip, sys, venv
sys.exit(sys.version_info < (3, 11))' </dev/null >/dev/null 2>&1; then
            PYTHON=$candidate
            return 0
        fi
    done
    cat >&2 <<'END'
Qinling needs Python 3.11 or newer with the module venv. On Debian and Ubuntu:
    apt-get install python3 python3-venv
If it is installed under another name, say PYTHON=/path/to/python before the
command.
END
    return 1
}

# What an installation depends on: the interpreter, what is asked for, where
# the checkout is and what the package says of itself.
_fingerprint() {
    {
        "$PYTHON" -c 'import sys; print(sys.version, sys.base_prefix)'
        pwd
        echo "$@"
        cat setup.py setup.cfg pyproject.toml requirements.txt \
            test-requirements.txt
    } | cksum
}

# install_into DIRECTORY WORD...: an environment in which "pip install WORD..."
# was run.  One that is up to date is left as it is; what was not made here is
# never touched.  The file .installed marks what was, and is empty until the
# installation is complete.
install_into() {
    local directory=$1 wanted
    shift
    wanted=$(_fingerprint "$@")
    if [ "$(cat "$directory/.installed" 2>/dev/null)" = "$wanted" ] &&
            "$directory/bin/python" -I -c 'import qinling' 2>/dev/null; then
        return 0
    fi
    if [ ! -f "$directory/.installed" ] && { [ -f "$directory" ] ||
            [ -n "$(ls -A "$directory" 2>/dev/null)" ]; }; then
        echo "$directory exists and was not made by this script; name" \
            'another directory with --venv.' >&2
        return 1
    fi
    echo "Installing into $directory (this takes a minute or two) ..."
    rm -rf "$directory" && mkdir -p "$directory" &&
        : >"$directory/.installed" &&
        "$PYTHON" -m venv "$directory" </dev/null &&
        "$directory/bin/python" -m pip install -qq \
            --disable-pip-version-check "$@" </dev/null &&
        echo "$wanted" >"$directory/.installed"
}
