# SPDX-License-Identifier: Apache-2.0
"""Local index of packages, with generated packages."""

import base64
import collections
import contextlib
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile

import fixtures

USER, PASSWORD = 'reader', 'not-to-be-told'


class Index(fixtures.Fixture):
    """Server of ``files``, at ``url``; ``fetched`` counts the requests."""

    def _setUp(self):
        self.files = {}
        self.fetched = collections.Counter()
        self.slow = threading.Event()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                index.answer(self)

            def log_message(self, *_args):
                pass
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        server.daemon_threads = True
        self.address = f'127.0.0.1:{server.server_port}'
        self.url = f'http://{USER}:{PASSWORD}@{self.address}/simple'
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.addCleanup(self.slow.set)

    def answer(self, request):
        """Serve one request."""
        self.fetched[request.path] += 1
        if request.path == '/simple/slow/':
            self.slow.wait()
        body = self.files.get(request.path)
        with contextlib.suppress(OSError):
            request.send_response(404 if body is None else 200)
            request.send_header('Content-Length', str(len(body or b'')))
            request.send_header('Content-Type', 'text/html' if
                                request.path.endswith('/') else
                                'application/octet-stream')
            request.end_headers()
            request.wfile.write(body or b'')

    def add(self, name, file, data):
        """Offer a file of a project."""
        self.files[f'/files/{file}'] = data
        self.files[f'/simple/{name}/'] = (
            f'<a href="/files/{file}">{file}</a>').encode()

    def wheel(self, name, code, **files):
        """Offer a project with one module."""
        self.add(name, f'{name}-1.0-py3-none-any.whl',
                 wheel(name, {f'{name}.py': code, **files}))

    def fetches(self, name):
        """Return the number of downloads of a project's files."""
        return sum(count for path, count in self.fetched.items()
                   if path.startswith(f'/files/{name}-'))


def wheel(name, files):
    """Return the bytes of a wheel."""
    info = f'{name}-1.0.dist-info'
    files = dict(files, **{
        f'{info}/METADATA': 'Metadata-Version: 2.1\n'
                            f'Name: {name}\nVersion: 1.0\n',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\nGenerator: tests\n'
                         'Root-Is-Purelib: true\nTag: py3-none-any\n'})
    files[f'{info}/RECORD'] = ''.join(
        f'{path},,\n' for path in (*files, f'{info}/RECORD'))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def tarball(files):
    """Return the bytes of a .tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def lock(name, url, data):
    """Return package.json and package-lock.json with one npm dependency."""
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    needs = {'name': 'mine', 'version': '1.0.0',
             'dependencies': {name: '1.0.0'}}
    return {'package.json': json.dumps(needs), 'package-lock.json': json.dumps(
        {'name': 'mine', 'version': '1.0.0', 'lockfileVersion': 3,
         'requires': True, 'packages': {'': needs, f'node_modules/{name}': {
             'version': '1.0.0', 'resolved': url,
             'integrity': f'sha512-{digest}'}}})}
