# SPDX-License-Identifier: Apache-2.0
"""Double of docker, podman and buildah for tools/docker/build.sh.

The double builds no image; the containers answer like containers of real
images.

Run as ``python builders.py <name> <word>...``, with the environment

* ``DOUBLE_STATE``: a directory; the file ``calls`` there gets every call, as
  JSON
* ``DOUBLE_WORKS``: the names of the builders with a running daemon
* ``DOUBLE_FAULT``: ``build``, ``run`` or ``push`` fails; ``root`` and
  ``silent`` break the containers
"""

import hmac
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys

CONFINED = {'sum': 42, 'uid': 65532, 'capabilities': 0, 'privileges': 0,
            'no_new_privileges': 1, 'writable': [], 'environment': ['PATH']}
ROOT = dict(CONFINED, uid=0)


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP handler with the answers of a worker or of the service."""

    def do_GET(self):
        self.answer({
            '/ping': b'pong', '/v1/runtimes': b'{"runtimes": []}',
            '/': b'{"versions": [{"id": "v1.0"}]}'}[self.path])

    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        output = ROOT if self.server.fault == 'root' else CONFINED
        self.answer({'/load': b'{"state": "loaded"}', '/execute': json.dumps({
            'status': 'success', 'output': output,
            'log': 'Adding.\n'}).encode()}[self.path])

    def answer(self, body):
        secret = self.headers.get('X-Qinling-Secret', self.server.secret)
        self.send_response(200 if secret == self.server.secret else 403)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


def serve(fault):
    """Serve as a container: print the port, then answer."""
    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    server.fault = fault
    server.secret = hmac.new(
        os.environ.get('QINLING_POOL_KEY', '').encode(),
        os.environ.get('QINLING_WORKER', '').encode(), 'sha256').hexdigest()
    print(server.server_port, flush=True)
    server.serve_forever()


def start(words, fault):
    """Return the name of a new container, with only the named variables."""
    passed = {words[at + 1] for at, word in enumerate(words) if word == '-e'}
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith('QINLING_') or name in passed}
    process = subprocess.Popen(
        [sys.executable, __file__, 'container'], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    port = process.stdout.readline().decode().strip()
    if fault == 'silent':
        process.kill()
        process.wait()
    return f'{process.pid}-{port}'


def main(name, verb='', *words):
    state = pathlib.Path(os.environ['DOUBLE_STATE'])
    fault = os.environ.get('DOUBLE_FAULT')
    if name == 'container':
        return serve(fault)
    with (state / 'calls').open('a') as calls:
        calls.write(json.dumps([name, verb, *words]) + '\n')
    if verb in ('version', 'info'):
        return name not in os.environ['DOUBLE_WORKS'].split()
    if verb == fault:
        return 1
    if verb == 'run':
        print(start(words, fault))
    elif verb == 'port':
        print('127.0.0.1:' + words[0].partition('-')[2])
    elif verb == 'logs':
        print('the last words of the container')
    elif verb == 'rm':
        try:
            os.kill(int(words[-1].partition('-')[0]), signal.SIGKILL)
        except ProcessLookupError:
            pass
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
