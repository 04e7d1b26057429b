# SPDX-License-Identifier: Apache-2.0
"""Program of ``qinling invoke --local``: one run in a sandbox.

The first line of the standard input is the request, an object with the fields
of :class:`qinling.engine.run.local_request.LocalRequest`; the lines of the
standard output are the messages of :func:`qinling.engine.run.local.run`, or
``{"error": sentence}``.  The command line starts this program, not users.
"""

import json
import signal
import sys
import tempfile
import threading
import types
import typing

from qinling.cmd import host_maxima
from qinling import conf as configuration
from qinling.engine.run import local
from qinling.engine.run import local_request
from qinling import exception

#: Options for one developer, as in a private server: room for the output and
#: the duration of tests, and for a breakpoint over lunch.
DEFAULTS = {
    'engine': {'max_log_size': 16 << 20},
    'resource_limits': {'max_package_size': 256 << 20,
                        'max_unpacked_size': 512 << 20}}
MAX_TIMEOUT_SECONDS = 86400


class Output:
    """Messages to the command line, from several threads."""

    def __init__(self, file: typing.BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def emit(self, message: dict[str, typing.Any]) -> None:
        """Write a message."""
        line = json.dumps(message).encode() + b'\n'
        with self._lock:
            self._file.write(line)
            self._file.flush()


def main() -> None:
    """Run the function of a request."""
    # An interrupt reaches the command line as well, which ends this program.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit)
    output = Output(sys.stdout.buffer)
    fields = json.loads(sys.stdin.buffer.readline())
    conf = configuration.load_part(*local.CONFIGURATION)
    limits = {**DEFAULTS['resource_limits'], **host_maxima.list_host_maxima(),
              'max_timeout': MAX_TIMEOUT_SECONDS}
    for group, values in {**DEFAULTS, 'resource_limits': limits}.items():
        for name, value in values.items():
            conf.set_default(name, value, group=group)
    try:
        with tempfile.TemporaryDirectory(prefix='qinling-') as directory:
            local.run(conf, local_request.LocalRequest(**fields), directory,
                      output)
    except exception.QinlingError as e:
        output.emit({'error': str(e)})


def _exit(_number: int, _frame: types.FrameType | None) -> typing.NoReturn:
    """End the worker before the program."""
    sys.exit(1)


if __name__ == '__main__':
    main()
