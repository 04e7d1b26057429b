# SPDX-License-Identifier: Apache-2.0
"""Images for the kubelet to "pull": ways to start a program."""

import dataclasses
import os
import sys

PYTHON = os.path.realpath(sys.executable)
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


@dataclasses.dataclass
class Sandbox:
    """Sandbox of a program: address, files and limits."""

    address: str
    directory: str     # in place of the root of the image
    mounts: dict       # path in the container -> path here
    read_only: bool
    memory: int        # bytes, 0 for no limit

    def path(self, path):
        """Return the local path of a container path; ``None`` for a read-only
        path."""
        for mount in sorted(self.mounts, key=len, reverse=True):
            if path == mount or path.startswith(mount.rstrip('/') + '/'):
                return self.mounts[mount] + path[len(mount):]
        if self.read_only:
            return None
        here = os.path.join(self.directory, path.lstrip('/'))
        os.makedirs(here, exist_ok=True)
        return here


@dataclasses.dataclass
class Image:
    """Startable image.

    ``entry`` maps a :class:`Box` to a command; ``user`` is the number of the
    user of the process; ``hungry`` means that memory above the limit kills the
    process.
    """

    entry: object
    user: int = 0
    environment: dict = dataclasses.field(default_factory=dict)
    hungry: bool = False


def script(text, **fields):
    """Return an image with a Python program; the arguments are the address of
    the pod and the arguments of the container."""
    return Image(lambda sandbox: [PYTHON, '-I', '-S', '-u', '-c', text,
                                  sandbox.address, str(sandbox.memory)],
                 **fields)


SERVER = '''
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = "\\n".join(
            [self.command + " " + self.path, *map(str, self.headers.items()),
             *(name + "=" + value for name, value
               in sorted(os.environ.items()))]).encode()
        size = int(self.headers.get("Content-Length") or 0)
        body += b"\\n" + self.rfile.read(size)
        self.send_response(200 if self.path != "/bad" else 418)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(1, 2, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address
Server((sys.argv[1], 9090), Handler).serve_forever()
'''

HOG = '''
import os, sys
held, limit = [], int(sys.argv[2]) or 64 << 20
while True:
    held.append(bytes(1 << 20))
    if len(held) << 20 > limit:
        os.kill(os.getpid(), 9)  # what the kernel would do
'''


def create_images():
    """Return new {name: :class:`Image`}."""
    return {
        'example/echo:1': script('import sys; print(*sys.argv[3:])'),
        'example/input:1': script(
            'import os; print(os.environ.get("QINLING_INPUT", ""))'),
        'example/env:1': script(
            'import json, os; print(json.dumps(dict(os.environ)))'),
        'example/fail:1': script(
            'import sys; print("It fails."); sys.exit(3)'),
        'example/sleep:1': script(
            'import sys, time; print("It sleeps.");'
            'time.sleep(float((sys.argv + ["3600"])[3]))'),
        'example/stubborn:1': script(
            'import signal, time; signal.signal(15, signal.SIG_IGN);'
            'print("It stays."); time.sleep(3600)'),
        'example/hog:1': script(HOG, hungry=True),
        'example/binary-log:1': script(
            'import os; os.write(1, b"\\xff\\xfe\\x00 no text\\n")'),
        'example/server:1': script(SERVER),
    }
