#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests an image that runs in a container, with nothing but the standard
library; see --help.  Exit code 0: it does what it should; 1: it does not."""

import argparse
import contextlib
import hmac
import http.client
import io
import json
import os
import pathlib
import sys
import time
import zipfile

FUNCTIONS = pathlib.Path(__file__).parent / 'smoke'
INTERVAL = 0.1  # seconds between two looks at something that is starting
MIB = 1 << 20

LOAD = {'function_id': 'smoke', 'function_version': 0, 'entry': 'main.main',
        'memory_size': 64 * MIB, 'slots': 2, 'max_log_size': MIB,
        'max_result_size': MIB, 'max_unpacked_size': MIB, 'environment': {}}


class Failed(Exception):
    """The image does not do what it should, with a sentence."""


class Connection:
    """Calls something over HTTP.

    :param address: ``host:port``.
    :param patience: seconds that it may take to come up, and then to answer.
    """

    def __init__(self, address, patience, secret=None):
        self._address = address
        self._patience = patience
        self._headers = {} if secret is None else {'X-Qinling-Secret': secret}

    def call(self, method, path, body=None):
        """(status, body) of one call."""
        connection = http.client.HTTPConnection(self._address,
                                                timeout=self._patience)
        with contextlib.closing(connection):
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def wait(self, path):
        """What :meth:`call` returns as soon as somebody answers."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self.call('GET', path)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise Failed(f'Nobody answers at {self._address}: '
                                 f'{error!r}.') from error
            time.sleep(INTERVAL)


def expect(what, wanted, found):
    """Complain unless something is as it should be."""
    if found != wanted:
        raise Failed(f'{what} should be {wanted!r}, it is {found!r}.')
    print(f'  {what}: {wanted!r}')


def package(language):
    """The package of the function that a language is tested with."""
    directory = FUNCTIONS / language
    files = [path for path in directory.glob('*') if path.is_file()]
    if not files:
        raise Failed(f'There is no function to test the language {language} '
                     f'with: put one into {directory}.')
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        for path in files:
            archive.write(path, path.name)
    return packed.getvalue()


def secret(environ):
    """The secret of a worker that was started with this environment."""
    return hmac.new(environ['QINLING_POOL_KEY'].encode(),
                    environ['QINLING_WORKER'].encode(), 'sha256').hexdigest()


def test_worker(arguments):
    """Have a worker run a function."""
    address, patience = arguments.address, arguments.patience
    agent = Connection(address, patience, arguments.secret)
    expect('GET /ping', (200, b'pong'), agent.wait('/ping'))
    stranger = Connection(address, patience, 'not the secret')
    expect('status for a stranger', 403, stranger.call('GET', '/ping')[0])
    expect('POST /load', (200, b'{"state": "loaded"}'), agent.call(
        'POST', '/load',
        json.dumps(LOAD).encode() + b'\n' + package(arguments.language)))
    status, body = agent.call('POST', '/execute', json.dumps({
        'execution_id': 'smoke', 'kwargs': {'one': 40, 'two': 2},
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


def test_confinement(output):
    """Whether the function is held as Kubernetes holds it."""
    expect('root', False, output['uid'] == 0)
    expect('effective capabilities', 0, output['capabilities'])
    expect('permitted capabilities', 0, output['privileges'])
    expect('no new privileges', 1, output['no_new_privileges'])
    expect('writable directories of the image', [], output['writable'])


def test_service(arguments):
    """Have a server answer."""
    service = Connection(arguments.address, arguments.patience)
    status, body = service.wait('/')
    expect('status of GET /', 200, status)
    expect('versions', ['v1.0'], [
        version['id'] for version in json.loads(body)['versions']])
    expect('status of GET /v1/runtimes', 200,
           service.call('GET', '/v1/runtimes')[0])


def parse(words):
    parser = argparse.ArgumentParser(
        description='Tests an image that runs in a container.')
    kinds = parser.add_subparsers(dest='kind', required=True)
    for kind, test in (('worker', test_worker), ('service', test_service)):
        one = kinds.add_parser(kind, help=test.__doc__)
        one.set_defaults(test=test)
        one.add_argument('address', help='host:port')
        one.add_argument('--patience', type=float, default=60,
                         help='seconds that each step may take')
    worker = kinds.choices['worker']
    worker.add_argument('language', help='a directory in tools/docker/smoke')
    worker.add_argument('--confined', action='store_true',
                        help='fail if the function is root, has capabilities '
                             'or can write to the image')
    arguments = parser.parse_args(words)
    if arguments.kind == 'worker':
        try:
            arguments.secret = secret(os.environ)
        except KeyError as error:
            parser.error(f'{error} is not in the environment; it must be what '
                         'the container was started with.')
    return arguments


def main(words):
    arguments = parse(words)
    try:
        arguments.test(arguments)
    except (Failed, OSError, http.client.HTTPException, ValueError,
            KeyError) as error:
        sys.stderr.write(f'The smoke test failed: {error or repr(error)}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
