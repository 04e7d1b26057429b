# SPDX-License-Identifier: Apache-2.0
"""Function that runs a function of a user under debugpy.

A file names the function and the port, since input and environment belong to
the user.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DIRECTORY = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(DIRECTORY, 'debug.json'), encoding='utf-8') as _file:
    SETTINGS = json.load(_file)
HOST, PORT = '127.0.0.1', SETTINGS['port']
MODULE, _dot, NAME = SETTINGS['entry'].rpartition('.')

_function = getattr(importlib.import_module(MODULE), NAME)


@functools.wraps(_function)
def main(*args: Any, **kwargs: Any) -> Any:
    """Call the function after an editor has attached."""
    wait_for_editor()
    return _function(*args, **kwargs)


def wait_for_editor() -> None:
    """Listen for an editor, and wait until it has set its breakpoints."""
    sys.path.append(DIRECTORY)
    # Modules of the library may be frozen.
    os.environ['PYDEVD_DISABLE_FILE_VALIDATION'] = '1'
    debugpy = importlib.import_module('debugpy')
    # The debugger serves the editor itself: an adapter would be one more
    # process in the memory of the function.
    debugpy.listen((HOST, PORT), in_process_debug_adapter=True)
    print('Waiting for a debugger of Python at %s:%d.' % (HOST, PORT),
          flush=True)
    debugpy.wait_for_client()
