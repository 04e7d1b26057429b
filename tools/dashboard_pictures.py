# SPDX-License-Identifier: Apache-2.0
"""Take the pictures of the web interface for the documents.

Needs a server with nothing else on it, Chromium, and the requirements of the
tests: ``tools/dashboard_pictures.py http://127.0.0.1:7070``.
"""

import argparse
import io
import json
import pathlib
import shutil
import time
import typing
import urllib.request
import uuid
import zipfile

from playwright import sync_api

IMAGES = pathlib.Path(__file__).parents[1] / 'doc' / 'source' / '_static'
CODE = '''\
import random
import time


def main(order, **kwargs):
    print('Charging order', order)
    time.sleep(random.uniform(%s))
    if random.random() < %s:
        raise RuntimeError('the card was declined')
    return {'order': order, 'state': 'paid'}
'''
RUNS = 60
SIZE: typing.Any = {'width': 1200, 'height': 720}


class Server:
    """The REST API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, method: str, path: str, value: object = None
             ) -> typing.Any:
        """Return the answer to a request with JSON."""
        return self._send(method, path, json.dumps(value).encode(),
                          'application/json')

    def upload(self, method: str, path: str, module: str, **fields: str
               ) -> typing.Any:
        """Send a package with one module."""
        package = io.BytesIO()
        with zipfile.ZipFile(package, 'w') as archive:
            archive.writestr('main.py', module)
        boundary = uuid.uuid4().hex
        parts = [(f'"{name}"', value.encode())
                 for name, value in fields.items()]
        parts.append(('"package"; filename="p.zip"', package.getvalue()))
        body = b''.join(
            f'--{boundary}\r\nContent-Disposition: form-data; name={name}'
            '\r\n\r\n'.encode() + value + b'\r\n' for name, value in parts)
        return self._send(
            method, path, body + f'--{boundary}--\r\n'.encode(),
            f'multipart/form-data; boundary={boundary}')

    def _send(self, method: str, path: str, body: bytes, media_type: str
              ) -> typing.Any:
        request = urllib.request.Request(
            f'{self._url}/v1{path}', body, {'Content-Type': media_type},
            method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def fill(server: Server) -> str:
    """Create what the pictures show; return the id of an execution."""
    runtime = server.call('GET', '/runtimes')['runtimes'][0]['id']
    function = server.upload(
        'POST', '/functions', CODE % ('0.01, 0.03', '0.02'), name='payments',
        runtime_id=runtime, code='{"source": "package"}')['id']
    path = f'/functions/{function}'
    server.call('POST', f'{path}/versions', {'message': 'First release'})
    server.upload('PUT', path, CODE % ('0.005, 0.02', '0.08'),
                  code='{"source": "package"}')
    server.call('POST', f'{path}/versions', {'message': 'Faster charges'})
    server.call('POST', '/aliases', {
        'name': 'live', 'function_id': function, 'function_version': 1})
    server.call('PUT', '/aliases/live', {'routing': {'1': 0.7, '2': 0.3}})
    row = {}
    for order in range(RUNS):
        row = server.call('POST', '/executions', {
            'function_alias': 'live', 'sync': True,
            'input': json.dumps({'order': order + 1})})
    # Ended executions are counted at intervals.
    while server.call('GET', '/aliases/live/stats')['count'] < RUNS:
        time.sleep(1)
    return str(row['id'])


def main() -> None:
    """Fill the server, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('url')
    url = parser.parse_args().url
    execution = fill(Server(url))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium'), args=['--no-sandbox'])
        page = browser.new_page(viewport=SIZE, color_scheme='light',
                                reduced_motion='reduce')
        for name, route in (('alias', 'aliases/live'),
                            ('execution', f'executions/{execution}')):
            page.goto(f'{url}/ui/#/{route}')
            page.locator('h1').wait_for()
            page.wait_for_load_state('networkidle')
            page.screenshot(path=IMAGES / f'dashboard-{name}.png')
        browser.close()


if __name__ == '__main__':
    main()
