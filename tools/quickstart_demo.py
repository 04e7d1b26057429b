#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows the main job: uploads a function, runs it, prints what came of it.

Standard library only; ``tools/quickstart.sh`` calls it.
"""

import http.client
import io
import json
import os
import pathlib
import secrets
import signal
import statistics
import sys
import time
import urllib.parse
import zipfile

import quickstart_versions

SAMPLE = pathlib.Path(__file__).parent / 'samples' / 'greeter'
NAME = 'greeter'
PATIENCE = 60
REPEATS = 20
COLOURED = (sys.stdout.isatty() and 'NO_COLOR' not in os.environ
            and os.environ.get('TERM') != 'dumb')


class Trouble(Exception):
    """A sentence for the user; the program ends."""


class Api:
    """One kept-alive connection to the REST API."""

    def __init__(self, url):
        self.url = url
        parts = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=PATIENCE)

    def text(self, method, path, body=None, kind='application/json'):
        """The body of an answer, which must be a success."""
        headers = {'Content-Type': kind} if body else {}
        try:
            self._connection.request(method, f'/v1{path}', body, headers)
            answer = self._connection.getresponse()
            data = answer.read().decode()
        except (OSError, http.client.HTTPException) as e:
            raise Trouble(f'{self.url} does not answer: {e!r}.') from None
        if answer.status >= 300:
            raise Trouble(f'{method} /v1{path} was answered with '
                          f'{answer.status}: {data}')
        return data

    def call(self, method, path, value=None):
        """The same for JSON in, JSON out."""
        body = json.dumps(value) if value is not None else None
        return json.loads(self.text(method, path, body))

    def upload(self, method, path, fields, package):
        """The same for a form with a package."""
        boundary = secrets.token_hex(16)
        head = 'Content-Disposition: form-data; name='
        parts = [f'{head}"{name}"\r\n\r\n{value}'.encode()
                 for name, value in fields.items()]
        parts.append(f'{head}"package"; filename="package.zip"\r\n'
                     'Content-Type: application/zip\r\n\r\n'.encode()
                     + package)
        body = b''.join(b'--%s\r\n%s\r\n' % (boundary.encode(), part)
                        for part in parts) + f'--{boundary}--\r\n'.encode()
        return json.loads(self.text(
            method, path, body, f'multipart/form-data; boundary={boundary}'))


def wait_for(look, what):
    """The first true value of ``look()``."""
    end = time.monotonic() + PATIENCE
    while not (value := look()):
        if time.monotonic() > end:
            raise Trouble(f'Waited {PATIENCE} seconds for {what}.')
        time.sleep(0.01)
    return value


def package(change=(b'', b'')):
    """The sample as a ZIP file, with some bytes of its files replaced, and
    the names in it."""
    files = sorted(SAMPLE.glob('*.py'))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            code = path.read_bytes()
            archive.writestr(path.name,
                             code.replace(*change) if change[0] else code)
    return packed.getvalue(), [path.name for path in files]


def runtime(api):
    """The id of the Python runtime, once functions can use it."""
    def look():
        for row in api.call('GET', '/runtimes')['runtimes']:
            if row['name'] == 'python3' and row['status'] != 'error':
                return row['status'] == 'available' and row['id']
        raise Trouble('The server has no working runtime "python3"; its log '
                      'says why.')
    return wait_for(look, 'the runtime "python3"')


def upload(api, runtime_id):
    """Create the function, or bring the one of an earlier run up to date."""
    code, names = package()
    fields = {'code': '{"source": "package"}', 'entry': 'main.main'}
    for row in api.call('GET', '/functions')['functions']:
        if (row['name'] == NAME and row['runtime_id'] == runtime_id
                and row['code'].get('source') == 'package'):
            api.upload('PUT', f'/functions/{row["id"]}', fields, code)
            return row['id'], names, 'updated'
    fields.update(name=NAME, runtime_id=runtime_id)
    row = api.upload('POST', '/functions', fields, code)
    return row['id'], names, 'created'


def run(api, function, name, sync=True):
    """(row of an execution, milliseconds until it ended)."""
    begin = time.monotonic()
    row = api.call('POST', '/executions', {
        'function_id': function, 'input': json.dumps({'name': name}),
        'sync': sync})

    def ended():
        found = api.call('GET', f'/executions/{row["id"]}')
        return found['status'] != 'running' and found
    if not sync:
        row = wait_for(ended, f'the end of execution {row["id"]}')
    took = (time.monotonic() - begin) * 1000
    if row['status'] != 'success':
        raise Trouble(f'Execution {row["id"]} ended as {row["status"]}: '
                      f'{row["result"]}')
    return row, took


def colour(code, text):
    return f'\033[{code}m{text}\033[0m' if COLOURED else text


def title(text):
    print(f'\n{colour(1, text)}')


def show(name, text, note=''):
    print(f'  {name:<9} {colour(36, text)}'
          + (f'  {colour(2, note)}' if note else ''))


def show_run(api, row):
    """The result and the log of an execution."""
    output = json.loads(row['result'])['output']
    show('result', json.dumps(output, ensure_ascii=False))
    log = api.text('GET', f'/executions/{row["id"]}/log')
    for number, line in enumerate(log.splitlines()):
        show('' if number else 'log', line)


def demonstrate(api):
    """Everything, step by step; returns the id of the function."""
    function, names, done = upload(api, runtime(api))
    title(f'A function is {done}: {NAME}')
    show('id', function)
    show('package', ', '.join(names), str(SAMPLE))

    title('Run it and wait for the result: {"name": "Ada"}')
    row, cold = run(api, function, 'Ada')
    show_run(api, row)
    warm = statistics.median(run(api, function, 'Ada')[1]
                             for _ in range(REPEATS))
    show('cold', f'{cold:.1f} ms', 'a warm worker is taken and gets the code')
    show('warm', f'{warm:.1f} ms', f'median of {REPEATS} more')

    title('Run it without waiting: {"name": "Grace"}')
    row, took = run(api, function, 'Grace', sync=False)
    show_run(api, row)
    show('ended', f'{took:.1f} ms', 'after it was asked for')

    quickstart_versions.demonstrate(api, function, sys.modules[__name__])
    return function


def go_on(url, function, runtime_id, stop):
    """What to type next."""
    title('Go on')
    print(f"""\
  Q={url}/v1
  curl $Q/functions
  curl $Q/executions -H 'Content-Type: application/json' \\
       -d '{{"function_id": "{function}",
            "input": {{"name": "you"}}, "sync": true}}'

  # Through the alias: whatever version it leads to.
  curl $Q/executions -H 'Content-Type: application/json' \\
       -d '{{"function_alias": "{quickstart_versions.ALIAS}"}}'
  curl $Q/aliases/{quickstart_versions.ALIAS}/history

  # Your own function: a ZIP file with main.py in it, and main() in that.
  python3 -m zipfile -c mine.zip main.py
  curl $Q/functions -F name=mine -F runtime_id={runtime_id} \\
       -F 'code={{"source": "package"}}' -F entry=main.main \\
       -F package=@mine.zip

  # Stop the server; functions and executions are kept.
  {stop}
""")


def main(words):
    """Takes the URL of the server, and the command that stops it."""
    url, stop = words
    api = Api(url)
    try:
        go_on(url, demonstrate(api), runtime(api), stop)
    except Trouble as e:
        print(f'\n{e}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    # Cut off by "| head", it ends like any other program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # A terminal that cannot show a character shows another.
    sys.stdout.reconfigure(errors='replace')
    sys.exit(main(sys.argv[1:]))
