# SPDX-License-Identifier: Apache-2.0
"""The agent: the program of a worker, first process of its sandbox.

It serves a few calls over HTTP/1.1 (``/ping``, ``/load``, ``/execute``,
``/status``, ``/cancel``) to whoever knows its secret, and runs the user's
function in executors, which know nothing of that.

Started as ``python -I -S agent.py [file]``.  A file is for containers: it
lies in their image, and the environment adds to it.  Without a file the
agent says ``started`` on its standard output, takes the settings from the
first line of its standard input and says ``ready``; the standard input must
stay open: its end tells that the service has died, and ends everything here.
"""

import json
import os
import signal
import socket
import sys

# Isolated mode leaves our own directory out; it comes last, so that nothing
# of the standard library is hidden by a neighbour.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import agent_confinement  # noqa: E402
import agent_http  # noqa: E402
import agent_processes  # noqa: E402
import agent_worker  # noqa: E402

LIFELINE = 0  # the standard input
MAX_SETTINGS = 1 << 16  # bytes

DEFAULTS = {
    'uid': None,
    'environment': {'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': '/tmp',
                    'LANG': 'C.UTF-8', 'TMPDIR': '/tmp'},
    'processes': 128,
    'open_files': 1024,
    'file_size': 500 << 20,
    'max_body_size': 128 << 20,
    'start_timeout': 30,
    'inodes': {},
    'seccomp': [],
    'landlock': [],
}


def read_settings(path=None):
    """The settings, one line of JSON:

    * ``secret``: text, must come with each call
    * ``listen``: ``fd:<number>`` of a listening socket that was inherited,
      or ``tcp:<host>:<port>``
    * ``code``: an empty directory for the function
    * ``bootstrap``: the command of an executor, as a list
    * ``environment``: all that executors see
    * ``uid``: what to become as user and group, ``null``: stay
    * ``processes``, ``open_files``, ``file_size`` (bytes): rlimits of the
      executors, 0 for none
    * ``max_body_size`` (bytes), ``start_timeout`` (seconds)
    * ``inodes``, ``seccomp``, ``landlock``: see ``agent_confinement.py``
    """
    if path is None:
        # Who starts us may want to know our pid, and do something with it,
        # before there are executors: the socket tells it.
        os.write(1, b'started\n')
        source = LIFELINE
    else:
        source = os.open(path, os.O_RDONLY)
    line = b''
    while b'\n' not in line and len(line) < MAX_SETTINGS:
        data = os.read(source, MAX_SETTINGS)
        if not data:
            break
        line += data
    if path is None and not line.endswith(b'\n'):
        sys.exit('The settings did not come.')
    settings = dict(DEFAULTS, **json.loads(line))
    if path is not None:
        os.close(source)
        settings.update(settings_of_container(os.environ))
    return settings


def settings_of_container(environ):
    """What whoever starts a container adds to the file in its image:

    * ``QINLING_SETTINGS``: a JSON object of settings
    * ``QINLING_LISTEN``: the setting ``listen``
    * ``QINLING_POOL_KEY`` and ``QINLING_WORKER``: a key that all workers of a
      pool have and the name of this one.  The secret is the HMAC-SHA256 of
      the name, in hexadecimal digits, so that each worker has its own.
    """
    settings = json.loads(environ.get('QINLING_SETTINGS') or '{}')
    if environ.get('QINLING_LISTEN'):
        settings['listen'] = environ['QINLING_LISTEN']
    if environ.get('QINLING_POOL_KEY'):
        import hmac  # only here: it is slow to load
        settings['secret'] = hmac.new(
            environ['QINLING_POOL_KEY'].encode(),
            environ['QINLING_WORKER'].encode(), 'sha256').hexdigest()
    return settings


def listen(address):
    """The listening socket that the setting ``listen`` means."""
    kind, _colon, rest = address.partition(':')
    if kind == 'fd':
        listener = socket.socket(fileno=int(rest))
    else:
        host, _colon, port = rest.rpartition(':')
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip('[]'), int(port)))
        listener.listen(agent_http.MAX_CONNECTIONS)
    listener.setblocking(False)
    listener.set_inheritable(False)
    return listener


def announce():
    """Say on the standard output that the agent is ready, and leave it."""
    os.write(1, b'ready\n')
    with open(os.devnull, 'wb') as nothing:
        os.dup2(nothing.fileno(), 1)


def main(arguments):
    path = arguments[0] if arguments else None
    settings = read_settings(path)
    agent_confinement.take_short_turns()
    agent_confinement.limit_inodes(settings['inodes'])
    agent_processes.harden(settings['uid'])
    family = agent_processes.Family(agent_confinement.Confinement(
        settings['seccomp'], settings['landlock']))
    worker = agent_worker.Worker(family, settings)

    def end(_number=None, _frame=None):
        # The first process of a namespace takes all others with it.
        if os.getpid() != 1:
            family.end()
        os._exit(0)

    # The user's code may signal us.  Without a handler the first process of
    # a namespace does not notice; only a container's runtime needs one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if path is not None or os.getpid() != 1:
        signal.signal(signal.SIGTERM, end)
    try:
        worker.start(settings['start_timeout'])
    except (OSError, RuntimeError) as error:
        sys.exit('The first executor failed: %s' % error)
    # Only now, so that who can connect finds a worker that is ready.
    listener = listen(settings['listen'])
    announce()
    agent_http.Server(
        listener, settings['secret'], worker.routes(),
        agent_worker.render_error, settings['max_body_size'],
    ).serve(LIFELINE if path is None else None)
    end()


if __name__ == '__main__':
    main(sys.argv[1:])
