#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Smoke test of an image in a running container; see --help.

Needs the standard library only.  The exit code is 1 after a failure.
"""

import argparse
from collections.abc import Mapping
import contextlib
import hmac
import http.client
import io
import json
import os
import pathlib
import sys
import time
import typing
import zipfile

FUNCTIONS = pathlib.Path(__file__).parent / 'smoke'
POLL_SECONDS = 0.1
MIB = 1 << 20

LOAD = {'function_id': 'smoke', 'function_version': 0, 'entry': 'main.main',
        'memory_size': 64 * MIB, 'slots': 2, 'max_log_size': MIB,
        'max_result_size': MIB, 'max_unpacked_size': MIB, 'environment': {}}


class Failed(Exception):
    """Defect of the image; the text is a sentence."""


class Connection:
    """HTTP client of a container.

    :param address: ``host:port``.
    :param patience: limit in seconds for the start, and for each answer.
    """

    def __init__(self, address: str, patience: float,
                 secret: str | None = None) -> None:
        self._address = address
        self._patience = patience
        self._headers = {} if secret is None else {'X-Qinling-Secret': secret}

    def call(self, method: str, path: str,
             body: bytes | str | None = None) -> tuple[int, bytes]:
        """Return (status, body) of one request."""
        connection = http.client.HTTPConnection(self._address,
                                                timeout=self._patience)
        with contextlib.closing(connection):
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def wait_for_answer(self, path: str) -> tuple[int, bytes]:
        """Repeat a GET until the container answers, and return (status,
        body)."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self.call('GET', path)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise Failed(f'No answer from {self._address}: '
                                 f'{error!r}.') from error
            time.sleep(POLL_SECONDS)


def expect(subject: str, expected: object, actual: object) -> None:
    """Raise ``Failed`` unless both values are equal."""
    if actual != expected:
        raise Failed(f'{subject} should be {expected!r}, not {actual!r}.')
    print(f'  {subject}: {expected!r}')


def build_package(language: str) -> bytes:
    """Return the package of the test function of a language."""
    directory = FUNCTIONS / language
    files = [path for path in directory.glob('*') if path.is_file()]
    if not files:
        raise Failed(f'The language {language} has no test function; add '
                     f'the files to {directory}.')
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        for path in files:
            archive.write(path, path.name)
    return packed.getvalue()


def derive_secret(environ: Mapping[str, str]) -> str:
    """Return the secret of a worker with the environment."""
    return hmac.new(environ['QINLING_POOL_KEY'].encode(),
                    environ['QINLING_WORKER'].encode(), 'sha256').hexdigest()


def test_worker(arguments: argparse.Namespace) -> None:
    """Let a worker run a function."""
    address, patience = arguments.address, arguments.patience
    agent = Connection(address, patience, arguments.secret)
    expect('GET /ping', (200, b'pong'), agent.wait_for_answer('/ping'))
    stranger = Connection(address, patience, 'not the secret')
    expect('status for a stranger', 403, stranger.call('GET', '/ping')[0])
    expect('POST /load', (200, b'{"state": "loaded"}'), agent.call(
        'POST', '/load',
        json.dumps(LOAD).encode() + b'\n' + build_package(arguments.language)))
    status, body = agent.call('POST', '/execute', json.dumps({
        'execution_id': 'smoke', 'kwargs': {'first': 40, 'second': 2},
        'timeout': patience}))
    expect('status of POST /execute', 200, status)
    outcome = json.loads(body)
    print('  outcome:', json.dumps(outcome))
    expect('status of the execution', 'success', outcome['status'])
    output = outcome['output']
    expect('sum', 42, output['sum'])
    expect('log', True, 'Adding.\n' in outcome['log'])
    expect('secrets in the environment', [], [
        name for name in output['environment'] if name.startswith('QINLING')])
    if arguments.confined:
        test_confinement(output)


def test_confinement(output: Mapping[str, typing.Any]) -> None:
    """Check that the function is as confined as in a pod."""
    expect('root', False, output['uid'] == 0)
    expect('effective capabilities', 0, output['capabilities'])
    expect('permitted capabilities', 0, output['privileges'])
    expect('no new privileges', 1, output['no_new_privileges'])
    expect('writable directories of the image', [], output['writable'])


def test_service(arguments: argparse.Namespace) -> None:
    """Check the answers of a server."""
    service = Connection(arguments.address, arguments.patience)
    status, body = service.wait_for_answer('/')
    expect('status of GET /', 200, status)
    expect('versions', ['v1.0'], [
        version['id'] for version in json.loads(body)['versions']])
    expect('status of GET /v1/runtimes', 200,
           service.call('GET', '/v1/runtimes')[0])


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Test an image in a running container.')
    kinds = parser.add_subparsers(dest='kind', required=True)
    for kind, test in (('worker', test_worker), ('service', test_service)):
        command = kinds.add_parser(kind, help=test.__doc__)
        command.set_defaults(test=test)
        command.add_argument('address', help='host:port')
        command.add_argument('--patience', type=float, default=60,
                             help='limit of each step in seconds')
    worker = kinds.choices['worker']
    worker.add_argument('language', help='a directory in tools/docker/smoke')
    worker.add_argument('--confined', action='store_true',
                        help='fail if the function is root, has capabilities '
                             'or can write to the image')
    arguments = parser.parse_args(words)
    if arguments.kind == 'worker':
        try:
            arguments.secret = derive_secret(os.environ)
        except KeyError as error:
            parser.error(f'{error} is not set; use the value in the '
                         'environment of the container.')
    return arguments


def main(words: list[str]) -> int:
    arguments = parse_arguments(words)
    try:
        arguments.test(arguments)
    except (Failed, OSError, http.client.HTTPException, ValueError,
            KeyError) as error:
        sys.stderr.write(f'The smoke test failed: {error or repr(error)}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
