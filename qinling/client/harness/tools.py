# SPDX-License-Identifier: Apache-2.0
"""Modules of Python that are installed in the environment of a developer."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

#: Program that prints {name in site-packages: path} of the distributions in
#: its arguments with their requirements, or nothing.
_PROGRAM = '''\
import importlib.metadata, json, re, sys
files, names, done = {}, sys.argv[1:], set()
required = set(names)
while names:
    name = names.pop()
    if name in done:
        continue
    done.add(name)
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        if name in required:
            sys.exit()
        continue
    for file in distribution.files or ():
        path = file.as_posix()
        if not path.startswith('..') and '__pycache__' not in path:
            files[path] = str(file.locate())
    for requirement in distribution.requires or ():
        if 'extra ==' not in requirement:
            names.append(re.match('[A-Za-z0-9._-]+', requirement)[0])
print(json.dumps(files))
'''
#: Files of libraries for other systems, or without a use in a sandbox.
_USELESS = ('.exe', '.dll', '.lib', '.dylib', '.pyd', '.c', '.pyx', '.cpp')
TIMEOUT_SECONDS = 30


def find_modules(*names: str) -> dict[str, pathlib.Path]:
    """Return the files of distributions: name below site-packages -> path.

    Search the environment of this program, then Python on the search path.

    :returns: nothing if a distribution is not installed.
    """
    for python in (sys.executable, shutil.which('python3')):
        if python is not None and (files := _list_files(python, names)):
            return files
    return {}


def _list_files(python: str, names: tuple[str, ...]
                ) -> dict[str, pathlib.Path]:
    try:
        result = subprocess.run(
            [python, '-c', _PROGRAM, *names], capture_output=True,
            timeout=TIMEOUT_SECONDS, check=True, cwd=os.sep)
        files = json.loads(result.stdout or b'{}')
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return {name: pathlib.Path(path) for name, path in files.items()
            if not name.endswith(_USELESS)}
