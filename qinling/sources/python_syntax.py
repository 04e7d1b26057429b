# SPDX-License-Identifier: Apache-2.0
"""Check of the syntax of the entry module of a Python package.

A process of its own compiles the code, since code can exhaust the stack of
the compiler.  Code that the process cannot judge is left to the worker.
"""

import codecs
import json
import os
import subprocess
import sys
import typing

from oslo_config import cfg

from qinling import exception
from qinling.sources import entry_module

#: First bytes of a file and the encoding; a mark of UTF-32 begins like one of
#: UTF-16.
ENCODINGS = ((codecs.BOM_UTF32_LE, 'UTF-32'), (codecs.BOM_UTF32_BE, 'UTF-32'),
             (codecs.BOM_UTF16_LE, 'UTF-16'), (codecs.BOM_UTF16_BE, 'UTF-16'))
_PROGRAM = '''
import json, resource, sys
for name, limit in (('AS', 1 << 29), ('CPU', 2), ('CORE', 0)):
    resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (limit, limit))
try:
    compile(sys.stdin.buffer.read(), '<entry>', 'exec', dont_inherit=True)
except SyntaxError as error:
    print(json.dumps([error.lineno, error.msg]))
'''


def is_checkable(language: str | None, version: str | None) -> bool:
    """Return whether a runtime has the Python of this process."""
    return (language == 'python'
            and (version or '').split('.')[:2] == [
                str(number) for number in sys.version_info[:2]]
            # An embedding web server has another executable.
            and os.path.basename(sys.executable or '').startswith('python'))


def check(upload: typing.BinaryIO, entry: str,
          limits: cfg.ConfigOpts.GroupAttr) -> None:
    """Check the module of an entry; ignore packages that are not valid.

    :raises Invalid: the module has a syntax error, or an encoding that Python
        does not read.
    """
    path = entry.rpartition('.')[0].replace('.', '/')
    module = entry_module.read(
        upload, limits, (f'{path}/__init__.py', f'{path}.py'))
    if module is None:
        return
    name, source = module
    _check_encoding(name, source)
    error = _compile(source) if source else None
    if error is not None:
        entry_module.reject(name, *error)


def _check_encoding(name: str, source: bytes) -> None:
    """Reject UTF-16 and UTF-32, of which Python sees only NUL characters."""
    for mark, encoding in ENCODINGS:
        if source.startswith(mark):
            raise exception.Invalid(
                f'{name} is in {encoding}, which Python does not read; save '
                'the file in UTF-8.')


def _compile(source: bytes) -> tuple[int, str] | None:
    """Return line and message of a syntax error."""
    try:
        ran = subprocess.run(
            [sys.executable, '-I', '-S', '-W', 'ignore', '-c', _PROGRAM],
            input=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=entry_module.TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.returncode or not ran.stdout:
        return None
    line, message = json.loads(ran.stdout)
    return line or 1, message
