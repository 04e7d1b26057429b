# SPDX-License-Identifier: Apache-2.0
"""Packages of functions with a harness: a program that runs beside them."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import io
import pathlib
import stat
import zipfile

#: Places of harnesses: paths of libraries, which explanations of failures
#: leave out.
PYTHON, NODEJS = '_qinling/site-packages', '_qinling/node_modules'
HERE = pathlib.Path(__file__).parent
_REQUIREMENTS = 'requirements.txt'


@dataclasses.dataclass(frozen=True)
class Harness:
    """Program that runs in place of a function.

    :ivar entry: entry of the function with the harness.
    :ivar members: name in the package -> content.
    """

    entry: str
    members: Mapping[str, bytes]


def create_python(name: str, modules: Mapping[str, pathlib.Path]) -> Harness:
    """Return the harness of a file of this directory.

    :param modules: further modules, by their paths below site-packages.
    """
    return Harness(f'{PYTHON}/{name}.main'.replace('/', '.'), {
        f'{PYTHON}/{name}.py': (HERE / f'{name}.py').read_bytes(),
        **{f'{PYTHON}/{path}': source.read_bytes()
           for path, source in modules.items()}})


def create_nodejs(name: str) -> Harness:
    """Return the harness of a file of this directory."""
    return Harness(f'{NODEJS}/{name}.main', {
        f'{NODEJS}/{name}.mjs': (HERE / f'{name}.mjs').read_bytes()})


def extend(archive: bytes, harness: Harness) -> bytes:
    """Return a package with a harness.

    Requirements in both are joined; other files of the package stay. The
    server is on this machine, so the harness is not compressed.
    """
    packed = io.BytesIO()
    with (zipfile.ZipFile(io.BytesIO(archive)) as source,
          zipfile.ZipFile(packed, 'w') as target):
        members = dict(harness.members)
        for info in source.infolist():
            data = source.read(info)
            addition = members.pop(info.filename, b'')
            if info.filename == _REQUIREMENTS:
                data += b'\n' + addition
            target.writestr(info, data)
        for name, data in members.items():
            _add_member(target, name, data)
    return packed.getvalue()


def _add_member(target: zipfile.ZipFile, name: str, data: bytes) -> None:
    # ZipInfo() sets the time to 1980: the bytes stay the same.
    info = zipfile.ZipInfo(name)
    mode = 0o755 if data.startswith(b'#!') else 0o644
    info.external_attr = (stat.S_IFREG | mode) << 16
    target.writestr(info, data)
