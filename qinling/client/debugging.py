# SPDX-License-Identifier: Apache-2.0
"""Packages of functions that wait for a debugger."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import dataclasses
import json

from qinling.client import dev_server
from qinling.client import exceptions
from qinling.client.harness import archives
from qinling.client.harness import tools
from qinling.client import local_project

MIB = 1024 * 1024
#: Runtime -> port, as editors know it.
PORTS = {'python3': 5678, 'nodejs': 9229}
#: Thousandths of a core, and memory, of a function with a debugger.
CPU = 1000
MIN_MEMORY_BYTES = 512 * MIB


def get_port(function: local_project.LocalFunction) -> int:
    """Return the usual port of the debugger.

    :raises ClientError: the language has no debugger.
    """
    runtime = function.fields.get('runtime')
    if runtime not in PORTS:
        raise exceptions.ClientError(
            f'Function {function.name} has the runtime {runtime}; only '
            f'functions of {" and ".join(PORTS)} run in a debugger.')
    return PORTS[runtime]


def create_harness(function: local_project.LocalFunction, port: int
                   ) -> archives.Harness:
    """Return the harness that waits for a debugger.

    :raises ClientError: debugpy is not installed.
    """
    entry = function.fields.get('entry') or 'main.main'
    settings = json.dumps({'entry': entry, 'port': port}).encode()
    if function.fields['runtime'] == 'nodejs':
        harness, directory = archives.create_nodejs('debug'), archives.NODEJS
    else:
        modules = tools.find_modules('debugpy')
        if not modules:
            raise exceptions.ClientError(
                'debugpy is not installed; run: pip install debugpy')
        harness = archives.create_python('debug', modules)
        directory = archives.PYTHON
    return dataclasses.replace(harness, members={
        **harness.members, f'{directory}/debug.json': settings})


@contextlib.contextmanager
def prepare(function: local_project.LocalFunction, port: int | None
            ) -> Iterator[local_project.LocalFunction]:
    """Yield a function that waits for a debugger, without a timeout.

    :param port: of the debugger; default is the usual port.
    """
    usual = get_port(function)
    harness = create_harness(function, port or usual)
    memory = max(function.fields.get('memory') or 0, MIN_MEMORY_BYTES)
    with function.replace_code(
            archives.extend(function.create_archive(), harness), '-debug',
            entry=harness.entry, memory=memory, cpu=CPU,
            timeout=dev_server.MAX_TIMEOUT_SECONDS) as replaced:
        yield replaced
