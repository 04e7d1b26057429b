#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Install Qinling, start a server and run a function; see --help.

set -u
CALLED=$0
HERE=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source tools/python_env.sh

VENV=${QINLING_VENV:-.venv-quickstart}
STATE=${XDG_DATA_HOME:-$HOME/.local/share}/qinling
PORT=
ACTION=start
STOP_WITH="$CALLED --stop"

usage() {
    cat <<END
Usage: tools/quickstart.sh [options]

Installs Qinling with its command line into a virtual environment, starts the
server, uploads and runs a sample function, and prints the next steps. The
server continues to run. A second run uses the existing environment, server
and function.

Options:
  --stop           stop the server of an earlier run
  --port N         port of the server (default: 7070; 0 for any free port)
  --state-dir DIR  directory for the database, packages and log
                   (default: $STATE)
  --venv DIR       virtual environment (default: \$QINLING_VENV, else
                   .venv-quickstart in the checkout)
  -h, --help       print this text
END
}

absolute() {
    case $1 in
        /*) echo "$1" ;;
        *) echo "$HERE/$1" ;;
    esac
}

while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --stop) ACTION=stop ;;
        --port) PORT=${2:?a number must follow $1}; shift ;;
        --state-dir)
            STATE=$(absolute "${2:?a directory must follow $1}")
            STOP_WITH="$STOP_WITH --state-dir '$STATE'"
            shift ;;
        --venv) VENV=$(absolute "${2:?a directory must follow $1}"); shift ;;
        *) echo "Unknown option $1; see --help." >&2; exit 2 ;;
    esac
    shift
done

find_python || exit 1
if [ "$ACTION" = stop ]; then
    exec "$PYTHON" tools/quickstart_server.py stop --state-dir "$STATE"
fi
install_into "$VENV" -e '.[cli]' || {
    echo "The installation into $VENV failed; see above." >&2
    exit 1
}
echo 'Starting the server ...'
"$VENV/bin/python" tools/quickstart_server.py start --state-dir "$STATE" \
    ${PORT:+--port "$PORT"} --program "$VENV/bin/qinling-standalone" || exit 1
exec "$VENV/bin/python" tools/quickstart_demo.py "$(cat "$STATE/endpoint")" \
    "$STOP_WITH"
