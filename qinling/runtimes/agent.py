# SPDX-License-Identifier: Apache-2.0
"""Agent: the program of a worker, first process of its sandbox.

The agent serves ``/ping``, ``/load``, ``/execute``, ``/log``, ``/status`` and
``/cancel`` over HTTP/1.1 to clients with its secret.  Executors run the
function of the user, and know neither secret nor calls.

Started as ``python -I -S agent.py [file]``.  The file is for containers: part
of the image, extended by environment variables.  Without a file, the agent
prints ``started``, reads the settings from the first line of its standard
input, and prints ``ready``.  The standard input must stay open: its end means
the death of the service, and stops the worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading

# Isolated mode omits this directory.  The last position prevents conflicts
# with modules of the standard library.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import agent_confinement  # noqa: E402
import agent_http  # noqa: E402
import agent_processes  # noqa: E402
import agent_worker  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from typing import Any

LIFELINE = 0  # the standard input
MAX_SETTINGS_BYTES = 1 << 16
MAX_NICENESS = 19

DEFAULTS: dict[str, Any] = {
    'uid': None,
    'environment': {'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': '/tmp',
                    'LANG': 'C.UTF-8', 'TMPDIR': '/tmp'},
    'processes': 128,
    'open_files': 1024,
    'file_size': 500 << 20,
    'max_body_size': 128 << 20,
    'start_timeout': 30,
    'memory_reserve': 0,
    'memory_slack': 0,
    'memory_events': '/sys/fs/cgroup/memory.events',
    'executors': None,
    'inodes': {},
    'seccomp': [],
    'landlock': [],
}


def read_settings(path: str | None = None) -> dict[str, Any]:
    """Read the settings, a line of JSON.

    * ``secret``: text, required in each call
    * ``listen``: ``fd:<number>`` of an inherited listening socket, or
      ``tcp:<host>:<port>``
    * ``code``: an empty directory for the function
    * ``bootstrap``: the command of an executor, as a list
    * ``environment``: environment variables of executors
    * ``uid``: new user and group id, ``null`` for no change
    * ``processes``, ``open_files``, ``file_size`` (bytes): rlimits of
      executors, 0 for no limit
    * ``max_body_size`` (bytes), ``start_timeout`` (seconds)
    * ``memory_reserve``: bytes that an executor may reserve beyond its memory,
      if the agent measures the used memory; 0 to limit the reserved memory
    * ``memory_slack``: see :class:`agent_memory.MemoryWatch`
    * ``memory_events``: see :class:`agent_memory.OomEvents`
    * ``executors``: descriptor of ``cgroup.procs`` of the group of executors
    * ``inodes``, ``seccomp``, ``landlock``: see ``agent_confinement.py``
    """
    if path is None:
        # The service learns the pid of the agent from the socket, and moves
        # the agent to a control group before executors start.
        os.write(1, b'started\n')
        source = LIFELINE
    else:
        source = os.open(path, os.O_RDONLY)
    line = b''
    while b'\n' not in line and len(line) < MAX_SETTINGS_BYTES:
        data = os.read(source, MAX_SETTINGS_BYTES)
        if not data:
            break
        line += data
    if path is None and not line.endswith(b'\n'):
        sys.exit('The settings did not come.')
    settings = dict(DEFAULTS, **json.loads(line))
    if path is not None:
        os.close(source)
        settings.update(read_container_settings(os.environ))
    return settings


def read_container_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings from the environment of a container.

    * ``QINLING_SETTINGS``: a JSON object of settings
    * ``QINLING_LISTEN``: the setting ``listen``
    * ``QINLING_POOL_KEY`` and ``QINLING_WORKER``: key of a pool and name of
      the worker.  The secret of the worker is the HMAC-SHA256 of the name, as
      hexadecimal digits.
    """
    settings = json.loads(environ.get('QINLING_SETTINGS') or '{}')
    if environ.get('QINLING_LISTEN'):
        settings['listen'] = environ['QINLING_LISTEN']
    if environ.get('QINLING_POOL_KEY'):
        import hmac  # slow to load
        settings['secret'] = hmac.new(
            environ['QINLING_POOL_KEY'].encode(),
            environ['QINLING_WORKER'].encode(), 'sha256').hexdigest()
    return settings


def inherited_listener(address: str) -> int | None:
    """Return the descriptor of ``fd:<number>``, ``None`` for an address."""
    kind, _colon, number = address.partition(':')
    return int(number) if kind == 'fd' else None


def listen(address: str) -> socket.socket:
    """Return the listening socket of the setting ``listen``."""
    number = inherited_listener(address)
    if number is not None:
        listener = socket.socket(fileno=number)
    else:
        host, _colon, port = address.partition(':')[2].rpartition(':')
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip('[]'), int(port)))
        listener.listen(agent_http.MAX_CONNECTIONS)
    listener.setblocking(False)
    return listener


def announce_ready() -> None:
    """Print ``ready``, and close the standard output."""
    os.write(1, b'ready\n')
    with open(os.devnull, 'wb') as null:
        os.dup2(null.fileno(), 1)


def stop(tree: agent_processes.ProcessTree) -> None:
    """End the agent at once."""
    # The kernel kills a pid namespace with its first process.
    if os.getpid() != 1:
        tree.stop()
    os._exit(0)


def drain_at_sigterm(tree: agent_processes.ProcessTree,
                     worker: agent_worker.Worker, server: agent_http.Server
                     ) -> None:
    """Let running executions end before a SIGTERM ends the agent."""
    def drain() -> None:
        worker.drain()
        server.wait_for_clients(worker.is_busy)
        stop(tree)
    act_at_sigterm(drain)


def act_at_sigterm(action: Callable[[], None]) -> None:
    """Call an action in a thread at the first SIGTERM.

    A handler may interrupt the owner of a lock, and must not want the lock.
    """
    latch = threading.Lock()
    latch.acquire()

    def act() -> None:
        latch.acquire()
        action()

    def release(_number: Any, _frame: Any) -> None:
        with contextlib.suppress(RuntimeError):  # a further signal
            latch.release()
    threading.Thread(target=act, daemon=True).start()
    signal.signal(signal.SIGTERM, release)


def main(arguments: list[str]) -> None:
    """Run the agent."""
    path = arguments[0] if arguments else None
    settings = read_settings(path)
    # Before the first executor starts: executors inherit nothing.
    agent_processes.seal_descriptors(
        inherited_listener(settings['listen']), settings['memory_events'],
        settings['executors'])
    agent_confinement.set_short_time_slices()
    agent_confinement.limit_inodes(settings['inodes'])
    agent_processes.harden(settings['uid'])
    tree = agent_processes.ProcessTree(agent_confinement.Confinement(
        settings['seccomp'], settings['landlock']), settings['executors'],
        # Only within a control group, beside nothing else of the machine.
        MAX_NICENESS if path or settings['executors'] is not None else 0)
    worker = agent_worker.Worker(tree, settings)

    # The code of the user may send signals.  The kernel ignores signals
    # without a handler for the first process of a pid namespace; a container
    # runtime needs SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if path is not None or os.getpid() != 1:
        act_at_sigterm(lambda: stop(tree))
    try:
        worker.start(settings['start_timeout'])
    except (OSError, RuntimeError) as error:
        sys.exit('The first executor failed: %s' % error)
    # A client that can connect has a ready worker.
    listener = listen(settings['listen'])
    server = agent_http.Server(listener, settings['secret'], worker.routes(),
                               settings['max_body_size'])
    if path is not None:
        drain_at_sigterm(tree, worker, server)
    announce_ready()
    server.serve(LIFELINE if path is None else None)
    stop(tree)


if __name__ == '__main__':
    main(sys.argv[1:])
