#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Create a virtual environment and run the tests in it; see --help.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source tools/python_env.sh

ALL_STAGES=(pep8 unit contract functional tempest)
STRICT=(qinling/core qinling/engine qinling/db qinling/orchestrators/base.py
    qinling/rpc qinling/message_bus.py qinling/context.py)
VENV=${QINLING_TEST_VENV:-.venv-tests}
CONCURRENCY=0
STAGES=()
FILTER=()
FAILED_ONLY=

usage() {
    cat <<END
Usage: tools/run_tests.sh [options] [stage ...] [-- filter ...]

Creates a virtual environment, installs Qinling with the test requirements,
and runs the stages. The last line counts the tests that passed, failed and
were skipped; the exit code is 0 only if none failed.

Stages (all in this order by default):
  pep8        style, words, types, import contracts, sizes
  unit        classes and functions in isolation
  contract    one suite over every driver of a kind
  functional  the programs as processes, over real databases and buses where
              this machine has them
  tempest     the tempest plugin against a cloud with a real Keystone; with a
              filter it runs only if it is named

Options:
  --fast               the stages pep8 and unit
  --failed             only what failed in the last run
  --seed N             seed of everything random in the tests (default: a new
                       one, printed at the start)
  -c, --concurrency N  test processes (default: two for each CPU; tempest
                       has one for each CPU)
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

# Print the closing line also after a failed installation.
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
            --seed) QINLING_TEST_SEED=${2:?a number must follow $1}; shift ;;
            --fast) STAGES+=(pep8 unit) ;;
            --failed) FAILED_ONLY=1 ;;
            --) shift; FILTER=("$@"); break ;;
            pep8 | unit | contract | functional | tempest)
                STAGES+=("$1") ;;
            *) echo "There is no stage or option $1; see --help." >&2
                exit 2 ;;
        esac
        shift
    done
    if [ -n "$FAILED_ONLY" ]; then
        find_failed_stages
    elif [ ${#STAGES[@]} -eq 0 ]; then
        STAGES=("${ALL_STAGES[@]}")
        # A cloud takes longer to start than most filters want to wait.
        [ ${#FILTER[@]} -eq 0 ] || unset 'STAGES[-1]'
    fi
}

find_failed_stages() {
    local stage
    STAGES=()
    for stage in "${ALL_STAGES[@]}"; do
        [ ! -s ".stestr/failed/$stage" ] || STAGES+=("$stage")
    done
    if [ ${#STAGES[@]} -eq 0 ]; then
        echo 'No test failed in the last run.'
        exit 0
    fi
}

check() {
    local name=$1 code
    shift
    echo "--- $name"
    "$@" </dev/null
    code=$?
    echo "$name:$code" >>.stestr/checks
    [ $code -eq 0 ] || echo "$name" >>.stestr/failed/pep8
}

run_pep8() {
    : >.stestr/failed/pep8
    check flake8 "$BIN/python" -m flake8
    check lint-imports "$BIN/lint-imports" --no-logo --no-cache
    check check_sizes "$BIN/python" tools/check_sizes.py
    check 'mypy --strict' "$BIN/python" -m mypy --strict "${STRICT[@]}"
    check mypy "$BIN/python" -m mypy qinling tools
}

# The checks use one processor: the next stage runs beside them.
PEP8=
start_pep8() {
    # In a process group, which an interrupted run can stop.
    set -m
    run_pep8 >.stestr/pep8.log 2>&1 &
    set +m
    PEP8=$!
    trap 'kill -- "-$PEP8" 2>/dev/null' EXIT
}

finish_pep8() {
    [ -n "$PEP8" ] || return 0
    wait "$PEP8"
    PEP8=
    trap - EXIT
    printf '\n=== pep8\n'
    cat .stestr/pep8.log
}

RESULTS=()
run_stage() {
    local stage=$1 directory=$1 repository=.stestr/$1 code load=()
    local processes=$CONCURRENCY
    [ "$stage" != contract ] || directory=contracts
    [ "$processes" != 0 ] || processes=$("$BIN/python" -c \
        'import os; print(2 * len(os.sched_getaffinity(0)))')
    if [ -n "$FAILED_ONLY" ]; then
        cp ".stestr/failed/$stage" ".stestr/failed/$stage.list"
        load=(--load-list ".stestr/failed/$stage.list")
    fi
    local stestr=("$BIN/stestr" --test-path "qinling/tests/$directory"
        --top-dir . --repo-url "$repository")
    # Without older runs, so that none is read below; the durations of tests
    # stay, by which stestr divides the tests among the processes.
    [ -d "$repository" ] || { mkdir -p "$repository" &&
        "$BIN/python" tools/test_durations.py load "$stage" |
        "${stestr[@]}" load --force-init >/dev/null 2>&1; }
    "${stestr[@]}" history remove all </dev/null >/dev/null 2>&1 ||
        { rm -rf "$repository" && mkdir -p "$repository"; }
    "${stestr[@]}" run --concurrency "$processes" --abbreviate \
        --suppress-attachments ${load[@]+"${load[@]}"} \
        ${FILTER[@]+"${FILTER[@]}"} </dev/null
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
install_into "$VENV" --lock requirements.lock -e '.[cli]' ||
    give_up "The installation into $VENV failed; see above."
BIN=$(cd "$VENV/bin" && pwd) || exit 1
# Tests start programs of the environment by name.
export PATH=$BIN:$PATH
# Tests start programs by the hundred. Without a cache of bytecode, which some
# callers forbid, each start would compile all imported modules again.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX=${BIN%/bin}/bytecode
# stestr would start the interpreter that the caller chose.
export PYTHON=$BIN/python
# A test that hangs ends with a traceback that says where.
export OS_TEST_TIMEOUT=${OS_TEST_TIMEOUT:-600}
# Output and logs of a test are shown if the test fails.
export OS_STDOUT_CAPTURE=1 OS_STDERR_CAPTURE=1 OS_LOG_CAPTURE=1
export QINLING_TEST_SEED=${QINLING_TEST_SEED:-$RANDOM}

mkdir -p .stestr/failed
exec 9>.stestr/lock
if command -v flock >/dev/null && ! flock -n 9; then
    echo 'Another test run uses this checkout; waiting for its end.'
    flock 9
fi
echo "Seed: $QINLING_TEST_SEED"
rm -f .stestr/checks
for stage in "${STAGES[@]}"; do
    # Without the lock, so that no process left behind can hold the lock.
    if [ "$stage" = pep8 ] && [ ${#STAGES[@]} -gt 1 ]; then
        start_pep8 9>&-
        continue
    fi
    printf '\n=== %s (%s)\n' "$stage" "$(date +%T)"
    case $stage in
        pep8) run_pep8 9>&- ;;
        tempest) run_tempest 9>&- ;;
        *) run_stage "$stage" 9>&- ;;
    esac
    finish_pep8
done
finish_pep8
CHECKS=()
[ ! -f .stestr/checks ] || while read -r line; do
    CHECKS+=(--check "$line")
done <.stestr/checks
[ ${#FILTER[@]} -eq 0 ] || CHECKS+=(--filtered)
"$BIN/python" tools/test_summary.py --failed-directory .stestr/failed \
    ${CHECKS[@]+"${CHECKS[@]}"} ${RESULTS[@]+"${RESULTS[@]}"}
