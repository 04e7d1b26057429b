#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time from a saved file to the result, with ``qinling dev``.

Starts the command for a project without dependencies, with dependencies in
``requirements.txt``, and with as many files beside the code; then saves the
code again and again, and waits for each result::

    python tools/bench/dev.py [--rounds 20] [--megabytes 20]

Also measures ``qinling invoke --local``, without and with a running
``qinling dev``.  The package index is a server on this machine.
"""

import argparse
import base64
import hashlib
import http.server
import io
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import zipfile

import timing

PROGRAM = str(pathlib.Path(sys.executable).with_name('qinling'))
APP = """functions:
  bench: {code: ., entry: main.main, runtime: python3, memory: 128MiB}
"""
CODE = """import {module}


def main():
    return 'result {number}'
"""
MODULE_BYTES = 100_000


def create_modules(megabytes: int) -> dict[str, bytes]:
    """Return a library of Python, as large and as compressible as others."""
    source = random.Random(1)
    words = [f'name_{source.randrange(10 ** 6)}' for _ in range(5000)]
    modules = {'big/__init__.py': b''}
    for number in range(megabytes * 10):
        text = '"""Data."""\n'
        while len(text) < MODULE_BYTES:
            text += ' = '.join(source.choices(words, k=5)) + ' = 1\n'
        modules[f'big/module_{number}.py'] = text.encode()
    return modules


def create_wheel(modules: dict[str, bytes]) -> bytes:
    """Return a wheel of modules."""
    info = 'big-1.0.dist-info'
    files = {**modules, f'{info}/METADATA':
             b'Metadata-Version: 2.1\nName: big\nVersion: 1.0\n',
             f'{info}/WHEEL': b'Wheel-Version: 1.0\nGenerator: bench\n'
             b'Root-Is-Purelib: true\nTag: py3-none-any\n'}
    rows = [f'{info}/RECORD,,']
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(
            hashlib.sha256(data).digest()).rstrip(b'=').decode()
        rows.append(f'{name},sha256={digest},{len(data)}')
    files[f'{info}/RECORD'] = '\n'.join(rows).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def start_index(wheel: bytes) -> str:
    """Start a package index with one wheel; return its URL."""
    name = 'big-1.0-py3-none-any.whl'
    answers = {'/simple/big/': f'<a href="/{name}">{name}</a>'.encode(),
               f'/{name}': wheel}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(200 if body else 404)
            self.send_header('Content-Type', 'text/html' if self.path.endswith(
                '/') else 'application/octet-stream')
            self.send_header('Content-Length', str(len(body or b'')))
            self.end_headers()
            self.wfile.write(body or b'')

        def log_message(self, *_arguments: object) -> None:
            pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f'http://127.0.0.1:{server.server_port}/simple'


class Project:
    """Project with ``qinling dev``.

    :param files: name -> content.
    """

    def __init__(self, directory: pathlib.Path, files: dict[str, bytes],
                 module: str, index: str) -> None:
        self.directory = directory
        self._module = module
        self._number = 0
        self.environ = dict(os.environ, OS_BUILD__INDEX_URL=index)
        for name, data in {'app.yaml': APP.encode(), **files}.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(data)
        self._save()

    def start(self) -> None:
        """Start the command, and wait until it watches."""
        self._process = subprocess.Popen(
            [PROGRAM, 'dev'], cwd=self.directory, env=self.environ,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._wait_for('Waiting for changes')

    def stop(self) -> None:
        """Stop the command."""
        self._process.terminate()
        self._process.communicate()

    def change(self) -> None:
        """Save the code, and wait for the result."""
        self._save()
        self._wait_for(f'result {self._number}')

    def invoke(self) -> None:
        """Run the function once."""
        subprocess.run([PROGRAM, 'invoke', '--local'], cwd=self.directory,
                       env=self.environ, check=True, capture_output=True)

    def _save(self) -> None:
        self._number += 1
        (self.directory / 'main.py').write_text(CODE.format(
            module=self._module, number=self._number))

    def _wait_for(self, text: str) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if text in line:
                return
            if 'failed' in line or 'error' in line:
                sys.exit(line)
        sys.exit('The command has ended.')


def describe(times: list[float]) -> str:
    """Return median and maximum."""
    return (f'p50 {statistics.median(times):.0f} ms, '
            f'max {max(times):.0f} ms')


def measure(name: str, project: Project, rounds: int) -> None:
    """Print the times of a project."""
    project.start()
    project.change()
    print(f'{name}: save to result', describe(
        [timing.measure_ms(project.change) for _ in range(rounds)]))
    print(f'{name}: invoke --local beside dev', describe(
        [timing.measure_ms(project.invoke) for _ in range(rounds // 4)]))
    project.stop()
    print(f'{name}: invoke --local', describe(
        [timing.measure_ms(project.invoke) for _ in range(rounds // 4)]))


def main() -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--megabytes', type=int, default=20)
    args = parser.parse_args()
    modules = create_modules(args.megabytes)
    index = start_index(create_wheel(modules))
    with tempfile.TemporaryDirectory() as place:
        for name, files, module in (
                ('no dependencies', {}, 'os'),
                ('requirements.txt', {'requirements.txt': b'big'}, 'big'),
                ('files', modules, 'big')):
            project = Project(pathlib.Path(place) / name, files, module,
                              index)
            measure(name, project, args.rounds)


if __name__ == '__main__':
    main()
