# SPDX-License-Identifier: Apache-2.0
"""Function that runs the tests of a project in Python.

The interpreter finds what the function finds, and the tools of the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main(tool: str, arguments: list[str]) -> int:
    """Return the exit code of the tests.

    :param tool: module to run, ``pytest`` or ``unittest``.
    """
    code = os.getcwd()
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.pathsep.join((code, code + '/python_modules', here))
    # No bytecode and no cache: the directory of the code is small.
    return subprocess.run(
        [sys.executable, '-s', '-S', '-B', '-u', '-m', tool, *arguments],
        cwd=code, stdin=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=path, PYTHONSAFEPATH='1')).returncode
