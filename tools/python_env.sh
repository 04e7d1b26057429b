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
            test-requirements.txt requirements.lock
    } | cksum
}

# Read the output of pip, and show the number of packages: a moving counter on
# a terminal, else a line every 15 seconds.
_show_packages() {
    local line count=0 phase=found start=$SECONDS shown=$SECONDS text
    while true; do
        line=
        IFS= read -r -t 1 line
        # The status 1 is the end; a timeout has a status above 128.
        [ $? -ne 1 ] || break
        case $line in
            Collecting\ *) count=$((count + 1)) ;;
            'Installing collected packages:'*) phase='found; writing files' ;;
        esac
        text="  $count packages $phase, $((SECONDS - start)) s"
        if [ -t 1 ]; then
            printf '\r%s' "$text"
        elif [ $((SECONDS - shown)) -ge 15 ]; then
            echo "$text ..."
            shown=$SECONDS
        fi
    done
    [ ! -t 1 ] || echo
}

# Print the path of uv; get uv with pip if uv is not installed.
_find_uv() {
    command -v uv && return
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check uv \
        </dev/null >/dev/null 2>&1 && echo "$1/bin/uv"
}

# _install DIRECTORY WORD...: run "uv pip install WORD..." if there is uv.
# Otherwise, or if uv fails (uv does not read the configuration of pip), run
# "pip install WORD..." and show the end of the output after a failure.
_install() {
    local directory=$1 quiet=(--quiet) uv
    shift
    if uv=$(_find_uv "$directory"); then
        echo 'Installing Qinling and its requirements with uv ...'
        [ ! -t 2 ] || quiet=()
        "$uv" pip install ${quiet[@]+"${quiet[@]}"} \
            --python "$directory/bin/python" "$@" </dev/null && return 0
        echo 'uv failed; trying pip.'
    fi
    echo 'Installing Qinling and its requirements with pip' \
        '(a minute or two) ...'
    "$directory/bin/python" -m pip install --disable-pip-version-check \
        --progress-bar off "$@" </dev/null 2>&1 |
        tee "$directory/install.log" | _show_packages
    [ "${PIPESTATUS[0]}" -ne 0 ] || return 0
    grep -v '^WARNING' "$directory/install.log" | tail -n 30 >&2
    return 1
}

# install_into DIRECTORY [--lock FILE] WORD...: create a virtual environment
# and install WORD... with uv or pip, unless the environment is up to date.
# With a lock file, all requirements are those of the file. Directories without
# the file .installed stay untouched; the file is empty until the installation
# is complete.
install_into() {
    local directory=$1 fingerprint locked=()
    shift
    fingerprint=$(_fingerprint "$@")
    if [ "$1" = --lock ]; then
        # pip cannot check the hash of a checkout.
        locked=(-r "$2")
        shift 2
        set -- --no-deps "$@"
    fi
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
    echo "Creating the virtual environment $directory ..."
    rm -rf "$directory" && mkdir -p "$directory" &&
        : >"$directory/.installed" &&
        "$PYTHON" -m venv "$directory" </dev/null &&
        { [ ${#locked[@]} -eq 0 ] || _install "$directory" "${locked[@]}"; } &&
        _install "$directory" "$@" &&
        echo "$fingerprint" >"$directory/.installed"
}
