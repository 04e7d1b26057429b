# SPDX-License-Identifier: Apache-2.0
"""One run of a function on this machine, in the sandbox of production.

A program of the service runs the function, without a server.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import typing
import uuid

from qinling.client import dev_server
from qinling.client import exceptions
from qinling.client import local_project

MODULE = 'qinling.cmd.local'
STOP_SECONDS = 30
#: Directory of installed dependencies in the state of a project.
BUILDS = 'builds'
#: Field of an application file -> field of a request.
_FIELDS = {'runtime': 'image', 'entry': 'entry', 'cpu': 'cpu',
           'memory': 'memory_size', 'timeout': 'timeout',
           'input_schema': 'input_schema', 'output_schema': 'output_schema'}
DEFAULT_ENTRY = 'main.main'

#: Kind of a message, and its content.
Message = tuple[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of a run.

    :ivar follows_log: yield the log while the function runs.
    :ivar streams: yield the output as the function yields it.
    :ivar network: the function has the network of this machine.
    :ivar id: of the execution.
    """

    follows_log: bool = False
    streams: bool = False
    network: bool = False
    id: str = dataclasses.field(
        default_factory=lambda: str(uuid.uuid4()))


class Runner:
    """Program that waits for a function to run."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        #: The program ends by itself.
        self.has_ended = False

    def run(self, function: local_project.LocalFunction, input: typing.Any,
            options: Options) -> Iterator[Message]:
        """Run a function, and yield what happens.

        The messages are ``log`` with a text, ``part`` with a value, and at
        last ``execution`` with the execution and its ``log``.

        :raises ClientError: the function cannot run.
        """
        with function.replace_code(function.create_archive(), '-local'
                                   ) as packed:
            yield from self._exchange(create_request(
                function, packed.fields['code'][0], input, options))

    def _exchange(self, request: dict[str, typing.Any]
                  ) -> Iterator[Message]:
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode() + b'\n')
            self._process.stdin.flush()
        name = ''
        for line in self._process.stdout:
            (name, value), = json.loads(line).items()
            self.has_ended = name in ('error', 'execution')
            if name == 'error':
                raise exceptions.ClientError(value)
            yield name, value
        if name != 'execution':
            raise exceptions.ClientError(
                'The program that runs functions ended with exit code '
                f'{self._process.wait()}.')


@contextlib.contextmanager
def start() -> Iterator[Runner]:
    """Yield a program that starts while the caller prepares a function.

    :raises ClientError: the service is not installed.
    """
    # The current directory must not hide modules: -P.
    process = subprocess.Popen(
        [find_interpreter(), '-P', '-m', MODULE], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, preexec_fn=dev_server.end_with_parent)
    runner = Runner(process)
    try:
        yield runner
    finally:
        _stop(process, runner.has_ended)


def find_interpreter() -> str:
    """Return the Python interpreter of the service.

    :raises ClientError: the service is not installed.
    """
    beside = pathlib.Path(sys.executable).with_name(dev_server.PROGRAM)
    if beside.exists():
        return sys.executable
    program = pathlib.Path(dev_server.find_program()).resolve()
    path = program.with_name('python')
    if not path.exists():
        raise exceptions.ClientError(
            f'There is no Python interpreter beside {program}; use a running '
            'server without --local.')
    return str(path)


def create_request(function: local_project.LocalFunction, package: str,
                   input: typing.Any, options: Options
                   ) -> dict[str, typing.Any]:
    """Return the request for a run.

    :param package: path of the package.
    :raises ClientError: a secret cannot be read.
    """
    fields = function.fields
    request = {name: fields[field] for field, name in _FIELDS.items()
               if fields.get(field) is not None}
    secrets = {
        name: function.manifest.read_secret(
            place, f'functions.{function.name}.secrets.{name}')
        for name, place in (fields.get('secrets') or {}).items()}
    return {'entry': DEFAULT_ENTRY, **request, 'package': package,
            'builds': str((function.state / BUILDS).resolve()),
            'environment': {**(fields.get('environment') or {}), **secrets},
            'input': input, **dataclasses.asdict(options)}


def _stop(process: subprocess.Popen[bytes], has_ended: bool) -> None:
    """Wait for the end of a program, which destroys its worker before."""
    assert process.stdin and process.stdout
    if not has_ended:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
