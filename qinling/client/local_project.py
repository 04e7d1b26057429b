# SPDX-License-Identifier: Apache-2.0
"""Functions of a developer's machine, for a private server."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import dataclasses
import hashlib
import os
import pathlib

from qinling.client import exceptions
from qinling.client.manifest import model
from qinling.client.manifest import plan as plans
from qinling.client import package
from qinling.client import project_templates
from qinling.client import v1

#: Fields of a function that matter for publication only.
_PUBLICATION = ('publish', 'versions')
#: Suffix of a file of a function -> runtime.
RUNTIMES = {'.py': 'python3', '.js': 'nodejs', '.mjs': 'nodejs',
            '.cjs': 'nodejs'}
#: Files of a function in a directory without an application file.
MAIN_FILES = ('main.py', 'main.js', 'main.mjs', 'main.cjs', 'main')


@dataclasses.dataclass(frozen=True)
class LocalFunction:
    """Function of a file, a directory or an application file.

    :ivar fields: fields as in an application file.
    :ivar state: directory of a private server for the function.
    """

    name: str
    fields: model.Fields
    manifest: model.Manifest
    state: pathlib.Path

    @property
    def directory(self) -> pathlib.Path:
        """Return the directory of the project."""
        return self.manifest.directory

    def locate_code(self) -> list[pathlib.Path]:
        """Return the paths of the code.

        :raises ClientError: the code is missing, or is an image.
        """
        if 'code' not in self.fields:
            raise exceptions.ClientError(
                f'Function {self.name} is an image, which only a server '
                'runs.')
        paths = [self.manifest.locate(path) for path in self.fields['code']]
        for path in paths:
            if not path.exists():
                raise exceptions.ClientError(
                    f'functions.{self.name}.code: there is no {path}.')
        return paths

    def create_archive(self, include: tuple[str, ...] = ()) -> bytes:
        """Return the package of the code.

        :param include: patterns of files to pack though the project leaves
            them out.
        """
        self.manifest.compile(self.name, self.fields)
        paths = self.locate_code()
        if len(paths) == 1 and paths[0].suffix == '.zip':
            return package.read_archive(paths[0])
        return package.create_archive(paths, include=include, compress=False)

    @contextlib.contextmanager
    def replace_code(self, archive: bytes, suffix: str, **fields: object
                     ) -> Iterator[LocalFunction]:
        """Yield the function with another package and other fields."""
        path = self.state / f'{self.name}{suffix}-{os.getpid()}.zip'
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            path.write_bytes(archive)
            present = {key: value for key, value in self.fields.items()
                       if key != 'compile'}
            yield dataclasses.replace(self, name=self.name + suffix, fields={
                **present, 'code': [str(path.resolve())], **fields})
        finally:
            path.unlink(missing_ok=True)

    def deploy(self, client: v1.Client) -> str:
        """Bring the function of a server to this state; return its id."""
        deploy(client, self.manifest, {self.name: self.fields})
        id: str = client.functions.find_id(self.name)
        return id


def deploy(client: v1.Client, manifest: model.Manifest,
           functions: Mapping[str, model.Fields], is_local: bool = True
           ) -> None:
    """Bring functions of a server to the state of the files.

    Nothing is published.

    :param is_local: the server is a private one.
    """
    unpublished = {
        name: {key: value for key, value in fields.items()
               if key not in _PUBLICATION}
        for name, fields in functions.items()}
    planner = plans.Planner(client, dataclasses.replace(
        manifest, objects={'functions': unpublished}, is_local=is_local))
    for change in list(planner.plan()):
        change.apply()


def find(reference: str | None, name: str | None = None) -> LocalFunction:
    """Return the function of a reference on the command line.

    :param reference: file, directory, or name in the application file here.
    :param name: function of a project with several ones.
    :raises ClientError: there is no such function.
    """
    path = pathlib.Path(reference or '.')
    if path.is_dir():
        if not (path / project_templates.APPLICATION).exists():
            return _find_file(path)
    elif path.exists():
        return _create_function(path, path.parent, find_cache(path))
    else:
        if name is not None or not pathlib.Path(
                project_templates.APPLICATION).exists():
            raise exceptions.ClientError(f'There is no {path} here.')
        path, name = pathlib.Path('.'), reference
    return _select(path, name)


def find_cache(path: pathlib.Path) -> pathlib.Path:
    """Return the directory of a private server for a single file."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    return pathlib.Path(cache) / 'qinling' / digest[:16]


def _select(directory: pathlib.Path, name: str | None) -> LocalFunction:
    """Return a function of an application file."""
    manifest = model.load(str(directory / project_templates.APPLICATION))
    functions = manifest.objects.get('functions', {})
    if name is None and len(functions) == 1:
        name = next(iter(functions))
    if name is None or name not in functions:
        problem = (f'has no function {name}' if name
                   else 'has several functions, or none')
        raise exceptions.ClientError(
            f'{project_templates.APPLICATION} {problem}; choose one of: '
            f'{", ".join(functions)}.')
    return LocalFunction(name, functions[name], manifest,
                         directory / package.STATE)


def _find_file(directory: pathlib.Path) -> LocalFunction:
    """Return the function of a directory without an application file."""
    for name in MAIN_FILES:
        if (directory / name).is_file():
            return _create_function(directory / name, directory,
                                    directory / package.STATE, '.')
    raise exceptions.ClientError(
        f'{directory} has neither {project_templates.APPLICATION} nor one of '
        f'{", ".join(MAIN_FILES)}.')


def _create_function(path: pathlib.Path, directory: pathlib.Path,
                     state: pathlib.Path, code: str | None = None
                     ) -> LocalFunction:
    """Return the function ``main`` of a file.

    :param code: path of the code below the directory; default is the file.
    """
    runtime = RUNTIMES.get(path.suffix, 'command')
    fields = {'code': [code or path.name], 'runtime': runtime,
              'entry': path.name if runtime == 'command'
              else f'{path.stem}.main'}
    name = project_templates.create_name(path.stem)
    manifest = model.Manifest(directory, {'functions': {name: fields}})
    return LocalFunction(name, fields, manifest, state)
