# SPDX-License-Identifier: Apache-2.0
"""Environment variables of executors."""

from __future__ import annotations

# Environment variables that programs, interpreters or their libraries read at
# their start; Node.js and Python change the time zone later as well.
START_PREFIXES = ('ICU_', 'LANGUAGE', 'LC_', 'MALLOC_', 'NODE_', 'OPENSSL_',
                  'SSL_CERT_', 'UV_')
LATE_NAMES = frozenset(('NODE_ENV',))
# Threads of Node.js for files, names of hosts and compression.  Most of them
# wait, so fewer than the default of libuv would slow functions down.
POOL_NAME, MIN_POOL_THREADS = 'UV_THREADPOOL_SIZE', 4

# Variables of libraries that otherwise start a thread per processor of the
# host, with memory for each.
THREAD_NAMES = ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS',
                'NUMEXPR_NUM_THREADS', 'NUMEXPR_MAX_THREADS',
                'BLIS_NUM_THREADS', 'RAYON_NUM_THREADS', 'GOMAXPROCS')


def list_thread_variables(cpu: int) -> dict[str, str]:
    """Return the numbers of threads of libraries.

    :param cpu: thousandths of a core of an execution.
    """
    count = max(1, -(-cpu // 1000))
    return dict(dict.fromkeys(THREAD_NAMES, str(count)),
                **{POOL_NAME: str(max(MIN_POOL_THREADS, count))})


def is_read_at_start(name: str, value: str) -> bool:
    """Return whether an environment variable must exist at the start."""
    return (name.startswith(START_PREFIXES) and name not in LATE_NAMES
            and (name, value) != (POOL_NAME, str(MIN_POOL_THREADS)))
