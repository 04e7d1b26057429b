# SPDX-License-Identifier: Apache-2.0

# Functions for other scripts: find Python and create virtual environments.

# Set PYTHON to a new enough interpreter that can create virtual environments.
# The value of the caller takes precedence.
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
If Python has another name on this machine, set PYTHON=/path/to/python.
END
    return 1
}

# Print a checksum of the interpreter, the arguments, the path of the checkout
# and the metadata of the package.
_fingerprint() {
    {
        "$PYTHON" -c 'import sys; print(sys.version, sys.base_prefix)'
        pwd
        echo "$@"
        cat setup.py setup.cfg pyproject.toml requirements.txt \
            test-requirements.txt
    } | cksum
}

# install_into DIRECTORY WORD...: create a virtual environment and run "pip
# install WORD...", unless the environment is up to date.  Directories without
# the file .installed stay untouched; the file is empty until the installation
# is complete.
install_into() {
    local directory=$1 fingerprint
    shift
    fingerprint=$(_fingerprint "$@")
    if [ "$(cat "$directory/.installed" 2>/dev/null)" = "$fingerprint" ] &&
            "$directory/bin/python" -I -c 'import qinling' 2>/dev/null; then
        return 0
    fi
    if [ ! -f "$directory/.installed" ] && { [ -f "$directory" ] ||
            [ -n "$(ls -A "$directory" 2>/dev/null)" ]; }; then
        echo "$directory was not created by this script; choose another" \
            'directory with --venv.' >&2
        return 1
    fi
    echo "Installing into $directory (this takes a minute or two) ..."
    rm -rf "$directory" && mkdir -p "$directory" &&
        : >"$directory/.installed" &&
        "$PYTHON" -m venv "$directory" </dev/null &&
        "$directory/bin/python" -m pip install -qq \
            --disable-pip-version-check "$@" </dev/null &&
        echo "$fingerprint" >"$directory/.installed"
}
