# SPDX-License-Identifier: Apache-2.0
"""Repetitions of one stored execution, on the server or on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import contextlib
import io
import json
import os
import pathlib
import signal
import zipfile

from qinling.client.commands import base
from qinling.client.commands import failures
from qinling.client.commands import local_runs
from qinling.client import debugging
from qinling.client import exceptions
from qinling.client import local_project
from qinling.client import local_runner
from qinling.client.manifest import model
from qinling.client import package
from qinling.client import project_templates
from qinling.client import tracebacks
from qinling.client import v1

#: Language of a runtime -> runtime of a private server.
RUNTIMES = {'python': 'python3', 'nodejs': 'nodejs', 'command': 'command'}
#: Field of an application file -> field of a stored function.
_FIELDS = {'entry': 'entry', 'cpu': 'cpu', 'memory': 'memory_size',
           'timeout': 'timeout', 'environment': 'environment',
           'input_schema': 'input_schema', 'output_schema': 'output_schema'}


def repeat(command: base.Command, args: argparse.Namespace) -> None:
    """Repeat an execution, and print its result.

    :raises ClientError: the execution has failed again.
    """
    if not args.local:
        execution = command.client.executions.rerun(args.reference, sync=True)
        print_outcome(command, execution)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    original = command.client.executions.get(args.reference)
    with fetch(command, original, args.secret) as function:
        with local_runner.start() as runner:
            if args.debugger:
                run_in_debugger(command, runner, function, original,
                                args.port)
            else:
                print_outcome(command, local_runs.run_followed(
                    runner, function, original['input'],
                    command.app.stderr))


def run_in_debugger(command: base.Command, runner: local_runner.Runner,
                    function: local_project.LocalFunction,
                    original: base.Row, port: int | None) -> None:
    """Repeat an execution, waiting for a debugger."""
    with debugging.prepare(function, port) as replaced:
        directory = function.state / 'replays' / original['id']
        unpack(function.create_archive(), directory)
        command.note(f'The code is in {directory}.')
        # A debugger listens on this machine.
        print_outcome(command, local_runs.run_followed(
            runner, replaced, original['input'], command.app.stderr,
            network=True))


def print_outcome(command: base.Command, execution: base.Row,
                  client: v1.Client | None = None) -> None:
    """Print the result of an execution.

    :param client: of another server than the commands use.
    :raises ClientError: the execution has failed.
    """
    if execution['status'] != 'success':
        raise exceptions.ClientError(failures.explain(
            command, execution, client))
    output = tracebacks.read_output(execution)
    command.print_line(output if isinstance(output, str) else
                       json.dumps(output, ensure_ascii=False))


@contextlib.contextmanager
def fetch(command: base.Command, execution: base.Row, secrets: list[str]
          ) -> Iterator[local_project.LocalFunction]:
    """Yield the function of an execution, with the code of that time.

    :param secrets: names of secrets, whose values are in environment
        variables with the same names.
    """
    id, number = execution['function_id'], execution['function_version']
    if id is None:
        raise exceptions.ClientError(
            f'The function of execution {execution["id"]} was deleted.')
    address = (id, number) if number else (id,)
    collection = (command.client.versions if number
                  else command.client.functions)
    row = collection.get(*address)
    if row['code']['source'] == 'image':
        raise exceptions.ClientError(
            'The function is an image, which only a server runs.')
    if not number and row['updated_at'] and (
            row['updated_at'] > execution['created_at']):
        command.note('The function has changed since the execution; the '
                     'present code and settings run.')
    name = project_templates.create_name(row.get('name') or 'replayed')
    fields = {**build_fields(command.client, row),
              'secrets': select_secrets(command, row, secrets)}
    manifest = model.Manifest(pathlib.Path('.'), {'functions': {name: fields}})
    function = local_project.LocalFunction(
        name, fields, manifest, find_state())
    with function.replace_code(
            b''.join(collection.download(*address)), '-replay') as replaced:
        yield replaced


def find_state() -> pathlib.Path:
    """Return the directory of a private server for executions."""
    if pathlib.Path(project_templates.APPLICATION).exists():
        return pathlib.Path(package.STATE).resolve()
    return local_project.find_cache(pathlib.Path('replays'))


def build_fields(client: v1.Client, row: base.Row) -> model.Fields:
    """Return the settings of a stored function or version.

    :raises ClientError: its language does not run on this machine.
    """
    runtime = client.runtimes.get(row['runtime_id'])
    language = runtime.get('language') or runtime['image']
    if language not in RUNTIMES and language not in RUNTIMES.values():
        raise exceptions.ClientError(
            f'The runtime {runtime["name"] or runtime["id"]} has the image '
            f'{runtime["image"]}, which does not run on this machine.')
    return {'runtime': RUNTIMES.get(language, language), **{
        name: row[field] for name, field in _FIELDS.items() if row.get(field)}}


def select_secrets(command: base.Command, row: base.Row, names: list[str]
                   ) -> dict[str, dict[str, str]]:
    """Return where the secrets of a function come from.

    A server shows no values, so the missing ones are named.
    """
    missing = set(row.get('secret_names') or ()) - set(names)
    if missing:
        command.note(
            f'Missing secrets: {", ".join(sorted(missing))}. A server shows '
            'no values; set environment variables with these names, and add '
            '--secret NAME for each.')
    for name in names:
        if name not in os.environ:
            raise exceptions.ClientError(
                f'There is no environment variable {name}.')
    return {name: {'env': name} for name in names}


def unpack(archive: bytes, directory: pathlib.Path) -> None:
    """Write the files of a package, for an editor."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            source.extractall(directory)
    except (OSError, zipfile.BadZipFile) as e:
        raise exceptions.ClientError(f'Cannot unpack the code: {e}')
