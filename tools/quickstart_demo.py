#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Demonstration of the quickstart: uploads and runs a function, and prints
the results, for ``tools/quickstart.sh``.

Needs the standard library only.
"""

from collections.abc import Callable
import http.client
import io
import json
import pathlib
import secrets
import shlex
import signal
import statistics
import sys
import time
import typing
import urllib.parse
import zipfile

import quickstart_console as console
import quickstart_versions as versions

SAMPLE = pathlib.Path(__file__).parent / 'samples' / 'greeter'
NAME = 'greeter'
TIMEOUT_SECONDS = 60
WARM_RUNS = 20


class Trouble(Exception):
    """Failure with a sentence for the user; ends the program."""


class Api:
    """One kept-alive connection to the REST API."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(
            str(parts.hostname), parts.port, timeout=TIMEOUT_SECONDS)

    def send(self, method: str, path: str, body: bytes | str | None = None,
             content_type: str = 'application/json') -> str:
        """Return the body of an answer.

        :raises Trouble: unless the request succeeds.
        """
        headers = {'Content-Type': content_type} if body else {}
        try:
            self._connection.request(method, f'/v1{path}', body, headers)
            answer = self._connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as e:
            raise Trouble(f'{self.url} does not answer: {e!r}.') from None
        if answer.status >= 300:
            raise Trouble(f'The answer to {method} /v1{path} was '
                          f'{answer.status}: {text}')
        return text

    def call(self, method: str, path: str, value: object = None
             ) -> typing.Any:
        """Send and receive JSON."""
        body = json.dumps(value) if value is not None else None
        return json.loads(self.send(method, path, body))

    def upload(self, method: str, path: str, fields: dict[str, str],
               package: bytes) -> typing.Any:
        """Send a form with a package, and receive JSON."""
        boundary = secrets.token_hex(16)
        head = 'Content-Disposition: form-data; name='
        parts = [f'{head}"{name}"\r\n\r\n{value}'.encode()
                 for name, value in fields.items()]
        parts.append(f'{head}"package"; filename="package.zip"\r\n'
                     'Content-Type: application/zip\r\n\r\n'.encode()
                     + package)
        body = b''.join(b'--%s\r\n%s\r\n' % (boundary.encode(), part)
                        for part in parts) + f'--{boundary}--\r\n'.encode()
        return json.loads(self.send(
            method, path, body, f'multipart/form-data; boundary={boundary}'))

    @staticmethod
    def check_success(execution: dict[str, typing.Any]) -> None:
        """Raise ``Trouble`` unless the execution has succeeded."""
        if execution['status'] != 'success':
            raise Trouble(f'Execution {execution["id"]} ended as '
                          f'{execution["status"]}: {execution["result"]}')


def wait_for(condition: Callable[[], typing.Any], subject: str) -> typing.Any:
    """Return the first true value of ``condition()``."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not (value := condition()):
        if time.monotonic() > end:
            raise Trouble(f'Waited {TIMEOUT_SECONDS} seconds for {subject}.')
        time.sleep(0.01)
    return value


def build_package(change: tuple[bytes, bytes] = (b'', b'')) -> bytes:
    """Return the sample as a ZIP file.

    :param change: bytes to replace in the files, and the replacement.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        for path in list_files():
            code = path.read_bytes()
            archive.writestr(path.name,
                             code.replace(*change) if change[0] else code)
    return packed.getvalue()


def list_files() -> list[pathlib.Path]:
    """Return the files of the sample."""
    return sorted(SAMPLE.glob('*.py'))


def find_runtime(api: Api) -> str:
    """Wait until the Python runtime is available, and return the id."""
    def poll() -> str | None:
        for row in api.call('GET', '/runtimes')['runtimes']:
            if row['name'] == 'python3' and row['status'] != 'error':
                return row['id'] if row['status'] == 'available' else None
        raise Trouble('The server has no working runtime "python3"; see the '
                      'log of the server.')
    return wait_for(poll, 'the runtime "python3"')


def upload_sample(api: Api, runtime_id: str) -> tuple[str, str]:
    """Create the function, or update the function of an earlier run.

    :returns: (id of the function, ``created`` or ``updated``).
    """
    package = build_package()
    fields = {'code': '{"source": "package"}', 'entry': 'main.main'}
    for row in api.call('GET', '/functions')['functions']:
        if (row['name'] == NAME and row['runtime_id'] == runtime_id
                and row['code'].get('source') == 'package'):
            api.upload('PUT', f'/functions/{row["id"]}', fields, package)
            return row['id'], 'updated'
    fields.update(name=NAME, runtime_id=runtime_id)
    row = api.upload('POST', '/functions', fields, package)
    return row['id'], 'created'


def run(api: Api, function: str, name: str, sync: bool = True
        ) -> tuple[dict[str, typing.Any], float]:
    """Run the function.

    :returns: (ended execution, milliseconds until the end).
    """
    start = time.monotonic()
    row = api.call('POST', '/executions', {
        'function_id': function, 'input': json.dumps({'name': name}),
        'sync': sync})

    def poll() -> dict[str, typing.Any] | None:
        execution = api.call('GET', f'/executions/{row["id"]}')
        return execution if execution['status'] != 'running' else None
    execution = row if sync else wait_for(
        poll, f'the end of execution {row["id"]}')
    milliseconds = (time.monotonic() - start) * 1000
    api.check_success(execution)
    return execution, milliseconds


def print_run(api: Api, execution: dict[str, typing.Any]) -> None:
    """Print the result and the log of an execution."""
    output = json.loads(execution['result'])['output']
    console.print_field('result', json.dumps(output, ensure_ascii=False))
    log = api.send('GET', f'/executions/{execution["id"]}/log')
    for number, line in enumerate(log.splitlines()):
        console.print_field('' if number else 'log', line)


def demonstrate(api: Api) -> None:
    """Show all features, step by step."""
    function, action = upload_sample(api, find_runtime(api))
    console.print_title(f'A function is {action}: {NAME}')
    console.print_field('id', function)
    console.print_field(
        'package', ', '.join(path.name for path in list_files()), str(SAMPLE))

    console.print_title('Run it and wait for the result: {"name": "Ada"}')
    execution, cold = run(api, function, 'Ada')
    print_run(api, execution)
    warm = statistics.median(run(api, function, 'Ada')[1]
                             for _ in range(WARM_RUNS))
    console.print_field('cold', f'{cold:.1f} ms',
                        'an idle worker of the pool loads the code')
    console.print_field('warm', f'{warm:.1f} ms',
                        f'median of {WARM_RUNS} further executions')

    console.print_title('Run it without waiting: {"name": "Grace"}')
    execution, milliseconds = run(api, function, 'Grace', sync=False)
    print_run(api, execution)
    console.print_field('ended', f'{milliseconds:.1f} ms',
                        'after the request')

    versions.demonstrate(api, function, build_package(versions.CHANGE))


def print_next_steps(url: str, stop_command: str) -> None:
    """Print commands to paste into a terminal."""
    programs = shlex.quote(f'{sys.prefix}/bin')
    console.print_title('See it in a browser')
    console.print_field('page', f'{url}/ui/')
    console.print_title('Next steps, to paste into this terminal')
    print(f"""\
  # Find the program, and the server.
  export PATH={programs}:"$PATH" QINLING_URL={url}

  qinling function list
  qinling function invoke {NAME} name=you --show-log
  qinling execution list --function {NAME} --limit 5
  qinling stats {NAME} --by version

  # Run the version that the alias selects.
  qinling function invoke {NAME} --alias {versions.ALIAS} name=you
  qinling function alias history {versions.ALIAS}

  # Your own function.
  echo 'def main(name): return f"Hello, {{name}}"' > hello.py
  qinling function create --replace --name hello --runtime python3 \\
      --file hello.py --entry hello.main -c id -c name -c entry
  qinling function invoke hello name=Ada
  qinling help function

  # Stop the server; functions and executions stay stored.
  {stop_command}
""")


def main(words: list[str]) -> int:
    """Run the demonstration, and return the exit code.

    :param words: URL of the server, and the command that stops the server.
    """
    url, stop_command = words
    api = Api(url)
    try:
        demonstrate(api)
    except Trouble as e:
        print(f'\n{e}', file=sys.stderr)
        return 1
    print_next_steps(url, stop_command)
    return 0


if __name__ == '__main__':
    # End like other programs when "| head" closes the pipe.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # Print a question mark for a character that the terminal cannot show.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors='replace')
    sys.exit(main(sys.argv[1:]))
