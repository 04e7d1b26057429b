#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Makes an environment of its own and runs the tests in it; see --help.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source tools/python_env.sh

ALL_STAGES=(pep8 unit contract functional tempest)
VENV=${QINLING_TEST_VENV:-.venv-tests}
CONCURRENCY=0
STAGES=()
FILTER=()

usage() {
    cat <<END
Usage: tools/run_tests.sh [options] [stage ...] [-- filter ...]

Makes a virtual environment, installs Qinling and what its tests need, and
runs the stages. The last line says how many tests passed, failed and were
skipped; the exit code is 0 only if none failed.

Stages (all of them, in this order, if none is named):
  pep8        style, import contracts, sizes
  unit        classes and functions by themselves
  contract    one suite over every driver of a kind
  functional  the programs as processes, over real databases and buses where
              this machine has them
  tempest     the tempest plugin against a cloud with a real Keystone; with a
              filter it runs only if it is named

Options:
  -c, --concurrency N  processes that run tests (default: one for each CPU)
  --venv DIR           the environment (default: \$QINLING_TEST_VENV, else
                       .venv-tests in the checkout)
  -h, --help           this text

What follows -- goes to "stestr run": regular expressions that choose tests,
and its options.

  tools/run_tests.sh unit
  tools/run_tests.sh functional -- test_quickstart
  PYTHON=python3.13 tools/run_tests.sh --venv /tmp/py313
END
}

# The last line is there whatever happens.
give_up() {
    echo "$1" >&2
    echo
    echo '0 passed, 1 failed, 0 skipped'
    exit 1
}

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage; exit 0 ;;
            -c | --concurrency) CONCURRENCY=${2:?a number must follow $1}
                shift ;;
            --venv) VENV=${2:?a directory must follow $1}; shift ;;
            --) shift; FILTER=("$@"); break ;;
            pep8 | unit | contract | functional | tempest)
                STAGES+=("$1") ;;
            *) echo "There is no stage or option $1; see --help." >&2
                exit 2 ;;
        esac
        shift
    done
    [ ${#STAGES[@]} -eq 0 ] || return 0
    STAGES=("${ALL_STAGES[@]}")
    # To start a cloud takes longer than most filters want to wait.
    [ ${#FILTER[@]} -eq 0 ] || unset 'STAGES[-1]'
}

FAILED_CHECKS=()
check() {
    local name=$1
    shift
    echo "--- $name"
    "$@" </dev/null || FAILED_CHECKS+=(--failed-check "$name")
}

run_pep8() {
    check flake8 "$BIN/python" -m flake8
    check lint-imports "$BIN/lint-imports" --no-logo --no-cache
    check check_sizes "$BIN/python" tools/check_sizes.py
}

RESULTS=()
run_stage() {
    local stage=$1 directory=$1 repository=.stestr/$1 code
    [ "$stage" != contract ] || directory=contracts
    # Emptied, so that what is read below is never an older run.
    rm -rf "$repository" && mkdir -p "$repository"
    local stestr=("$BIN/stestr" --test-path "qinling/tests/$directory"
        --top-dir . --repo-url "$repository")
    "${stestr[@]}" run --concurrency "$CONCURRENCY" --abbreviate \
        --suppress-attachments ${FILTER[@]+"${FILTER[@]}"} </dev/null
    code=$?
    "${stestr[@]}" last --subunit </dev/null >"$repository/stream" \
        2>"$repository/errors"
    RESULTS+=("$stage:$code:$repository/stream")
}

run_tempest() {
    local repository=.stestr/tempest code regex
    rm -rf "$repository" && mkdir -p "$repository"
    regex=$(IFS='|'; echo "${FILTER[*]}")
    "$BIN/python" tools/run_tempest.py "$repository/stream" -- \
        --regex "${regex:-qinling_tempest_plugin}" \
        --concurrency "$CONCURRENCY" </dev/null
    code=$?
    [ $code -eq 0 ] || "$BIN/subunit-filter" --no-skip \
        <"$repository/stream" | "$BIN/subunit2pyunit"
    RESULTS+=("tempest:$code:$repository/stream")
}

read_arguments "$@"
find_python || give_up 'No Python 3.11 or newer with venv was found.'
install_into "$VENV" -r requirements.txt -r test-requirements.txt -e '.[cli]' ||
    give_up "The installation into $VENV failed; see above."
BIN=$(cd "$VENV/bin" && pwd) || exit 1
# Programs that tests start by name must be those of the environment.
export PATH=$BIN:$PATH
# A test that hangs ends with a traceback that says where.
export OS_TEST_TIMEOUT=${OS_TEST_TIMEOUT:-600}
# What a test prints and logs is shown if it fails.
export OS_STDOUT_CAPTURE=1 OS_STDERR_CAPTURE=1 OS_LOG_CAPTURE=1

mkdir -p .stestr
exec 9>.stestr/lock
if command -v flock >/dev/null && ! flock -n 9; then
    echo 'Another run of the tests is going on here; waiting for its end.'
    flock 9
fi
for stage in "${STAGES[@]}"; do
    printf '\n=== %s\n' "$stage"
    # Without the lock, so that a process left behind cannot keep it.
    if [ "$stage" = pep8 ]; then
        run_pep8 9>&-
    elif [ "$stage" = tempest ]; then
        run_tempest 9>&-
    else
        run_stage "$stage" 9>&-
    fi
done
[ ${#FILTER[@]} -eq 0 ] || FAILED_CHECKS+=(--filtered)
"$BIN/python" tools/test_summary.py ${FAILED_CHECKS[@]+"${FAILED_CHECKS[@]}"} \
    ${RESULTS[@]+"${RESULTS[@]}"}
