# SPDX-License-Identifier: Apache-2.0
"""Check whether a package has the file of an entry."""

from __future__ import annotations

from collections.abc import Sequence
import io
import posixpath
import zipfile

#: The API's entry of a function without one.
DEFAULT_ENTRY = 'main.main'
#: Language in the name of a runtime -> ends of the paths of modules.
SUFFIXES = {'python': ('.py', '.pyc', '.so'),
            'node': ('.js', '.mjs', '.cjs', '', '/index.js')}
#: Language of runtimes that run programs.
COMMAND = 'command'
#: Begin of the suffix of extension modules of CPython.
EXTENSION = '.cpython-'


def explain_misfit(archive: bytes, entry: str, runtime: str | None
                   ) -> str | None:
    """Return a warning if no file of a package fits an entry.

    :param runtime: name of the runtime, which shows the language.
    """
    language = next((word for word in (*SUFFIXES, COMMAND)
                     if word in (runtime or '').lower()), '')
    if language in SUFFIXES and not all(entry.rpartition('.')):
        return (f'Warning: the entry {entry} is malformed; set --entry to '
                f'MODULE.FUNCTION, such as {entry.strip(".") or "main"}.main.')
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            names = packed.namelist()
    except zipfile.BadZipFile:
        return None
    paths = _list_paths(entry, language)
    if any(_fits(name, paths, language) for name in names):
        return None
    return (f'Warning: no file of the package fits the entry {entry}; '
            + _advise(names, paths, language))


def _list_paths(entry: str, language: str) -> list[str]:
    """Return the paths that fit an entry, the usual one first."""
    module = entry.rpartition('.')[0]
    if language == 'node':
        return [module + suffix for suffix in SUFFIXES[language]]
    if language == COMMAND:
        return [path for path in (entry, module) if path]
    module = module.replace('.', '/')
    if language:
        return [module + suffix for suffix in SUFFIXES[language]]
    return [path for path in (module, entry, entry.partition('.')[0]) if path]


def _fits(name: str, paths: Sequence[str], language: str) -> bool:
    """Return whether a file has one of the paths."""
    if name in paths:
        return True
    module = posixpath.splitext(paths[0])[0]
    if language == 'python':
        return name.startswith((f'{module}/', module + EXTENSION))
    # The files of an unknown language may have any suffix.
    return not language and (posixpath.splitext(name)[0] in paths
                             or name.startswith(f'{paths[0]}/'))


def _advise(names: Sequence[str], paths: Sequence[str], language: str) -> str:
    """Return what to do about an entry without a file."""
    for name in names:
        for path in paths:
            if language and name.endswith(f'/{path}'):
                return (f'the package has {name}, but {path} must be at the '
                        'top of the package.')
    top = [name for name in names if '/' not in name]
    if language == COMMAND:
        return ('set --entry to the path of the program, such as '
                f'{top[0] if top else "main"}.')
    suffixes = SUFFIXES.get(language or 'python', ())[:3]
    module, suffix = next((
        posixpath.splitext(name) for name in top if name.endswith(suffixes)),
        ('hello', suffixes[0]))
    return (f'set --entry, such as {module}.main for the function main in '
            f'{module}{suffix}.')
