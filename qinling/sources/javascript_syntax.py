# SPDX-License-Identifier: Apache-2.0
"""Check of the syntax of the entry module of a JavaScript package.

Node.js compiles the code, without a run of any of it.  Code that Node.js
cannot judge is left to the worker.
"""

from collections.abc import Iterator
import functools
import os
import re
import shutil
import subprocess
import typing

from oslo_config import cfg

from qinling.sources import entry_module

EXECUTABLES = ('node', 'nodejs')
SUFFIXES = ('', '.js', '.mjs', '.cjs', '/index.js')
#: Files that may have other languages are not checked.
CHECKED_SUFFIXES = ('.js', '.mjs', '.cjs')
#: Ends with the error, and prints its line first, if the code is neither a
#: CommonJS module nor an ECMAScript module, as far as the name allows them.
_PROGRAM = r'''
const vm = require('node:vm');
const source = require('node:fs').readFileSync(0, 'utf8');
const filename = 'entry', suffix = process.argv[1];
const names = ['exports', 'require', 'module', '__filename', '__dirname'];
const compilers = [
  ['.cjs', () => vm.compileFunction(
    source.replace(/^#!.*/, ''), names, { filename })],
  ['.mjs', () => new vm.SourceTextModule(source, { identifier: filename })],
].filter(([only]) => suffix === '.js' || suffix === only);
const errors = compilers.map(([, compile]) => {
  try { compile(); } catch (error) { return error; }
});
if (errors.every((error) => error instanceof SyntaxError)) {
  const isModule = /\b(import|export|await)\b/.test(errors[0].message);
  throw errors[isModule ? errors.length - 1 : 0];
}
'''
#: Both parts of the output for an error.
_LINE = re.compile('^entry:([0-9]{1,9})$', re.MULTILINE)
_MESSAGE = re.compile('^SyntaxError: (.+)$', re.MULTILINE)


def is_checkable(language: str | None, version: str | None) -> bool:
    """Return whether this host has the Node.js of a runtime."""
    return (language == 'nodejs' and version is not None
            and version.split('.')[0] == _read_major(_find_node()))


def check(upload: typing.BinaryIO, entry: str,
          limits: cfg.ConfigOpts.GroupAttr) -> None:
    """Check the module of an entry; ignore packages that are not valid.

    :raises Invalid: the module has a syntax error.
    """
    module = entry_module.read(upload, limits, _list_names(entry))
    if module is None or not module[1]:
        return
    name, source = module
    suffix = os.path.splitext(name)[1]
    error = (_compile(source, suffix) if suffix in CHECKED_SUFFIXES
             else None)
    if error is not None:
        entry_module.reject(name, *error)


def _list_names(entry: str) -> Iterator[str]:
    """Yield the files that a worker looks for, in this order."""
    module = entry.rpartition('.')[0]
    for path in dict.fromkeys((module, module.replace('.', '/'))):
        yield from (path + suffix for suffix in SUFFIXES)


def _compile(source: bytes, suffix: str) -> tuple[int, str] | None:
    """Return line and message of a syntax error."""
    output = _run('--experimental-vm-modules', '--no-warnings',
                  '--max-old-space-size=128', '--eval', _PROGRAM, suffix,
                  source=source)
    line, message = _LINE.match(output), _MESSAGE.search(output)
    if line is None or message is None:
        return None
    return int(line[1]), message[1]


def _run(*arguments: str, source: bytes = b'', node: str | None = None
         ) -> str:
    """Return the output of Node.js, empty without an answer."""
    node = node or _find_node()
    if node is None:
        return ''
    try:
        return subprocess.run(
            [node, *arguments], input=source, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={},
            timeout=entry_module.TIMEOUT_SECONDS
        ).stdout.decode(errors='replace')
    except (OSError, subprocess.SubprocessError):
        return ''


def _find_node() -> str | None:
    return next(filter(None, map(shutil.which, EXECUTABLES)), None)


@functools.lru_cache(maxsize=4)
def _read_major(node: str | None) -> str | None:
    """Return the major version of a Node.js."""
    if node is None:
        return None
    return _run('--version', node=node).lstrip('v').split('.')[0] or None
