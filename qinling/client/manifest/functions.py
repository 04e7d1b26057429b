# SPDX-License-Identifier: Apache-2.0
"""Functions and versions of an application file."""

from __future__ import annotations

from collections.abc import Iterator
import functools
import hashlib
import typing

from qinling.client import entries
from qinling.client import exceptions
from qinling.client.manifest import changes
from qinling.client.manifest import forms
from qinling.client.manifest import model
from qinling.client import package
from qinling.client import v1

#: Stands for the id of a function, or the number of a version, that does not
#: exist yet.
NEW = 'new'

_Desired = dict[str, typing.Any]


class Functions:
    """Comparison of functions, and look-ups of functions by name."""

    def __init__(self, client: v1.Client, manifest: model.Manifest,
                 update_secrets: bool) -> None:
        self._client = client
        self._manifest = manifest
        self._desired = manifest.objects.get('functions', {})
        self._update_secrets = update_secrets
        #: Functions that the plan publishes.
        self._published: set[str] = set()
        #: Sentences about mistakes that the server accepts.
        self.warnings: list[str] = []
        self._rows: dict[str, list[changes.Row]] = {}
        for row in client.functions.list():
            self._rows.setdefault(row.get('name') or '', []).append(row)

    @functools.cached_property
    def _runtimes(self) -> dict[str, str]:
        """Name or id of a runtime -> id."""
        rows = list(self._client.runtimes.list())
        return {**{row['name']: row['id'] for row in rows},
                **{row['id']: row['id'] for row in rows}}

    def _find_row(self, name: str) -> changes.Row | None:
        rows = self._rows.get(name, [])
        if len(rows) > 1:
            raise exceptions.NotUnique(
                f'Function {name} is not unique; delete all but one.')
        return rows[0] if rows else None

    def find_id(self, name: str) -> str:
        """Return the id of a function, :data:`NEW` before its creation.

        :raises ClientError: neither the file nor the server has it.
        """
        if row := self._find_row(name):
            id: str = row['id']
            return id
        if name not in self._desired:
            raise exceptions.ClientError(
                f'There is no function {name}, neither in the file nor on '
                'the server.')
        return NEW

    def resolve_version(self, name: str, version: int | str) -> int | str:
        """Return the number of a version, :data:`NEW` before publication.

        :raises ClientError: the function has no version, or does not exist.
        """
        if version != forms.LATEST:
            return version
        if name in self._published:
            return NEW
        self.find_id(name)
        row = self._find_row(name)
        number: int = (row or {}).get('latest_version') or 0
        if not number:
            raise exceptions.ClientError(
                f'Function {name} has no version yet; set publish: true.')
        return number

    def resolve_weights(self, name: str, fields: model.Fields) -> _Desired:
        """Return the fields of the API for the target of an alias."""
        if 'routing' in fields:
            return {'routing': forms.add_up(
                (str(self.resolve_version(name, version)), weight)
                for version, weight in fields['routing'].items())}
        return {'function_version': self.resolve_version(
            name, fields['version']), 'routing': {}}

    def plan(self) -> Iterator[changes.Change]:
        """Yield the changes of functions and the publications."""
        for name, fields in self._desired.items():
            own_changes = list(self._plan_function(name, fields))
            yield from own_changes
            yield from self._plan_versions(name, fields)
            if fields.get('publish') and (
                    own_changes or self._is_unpublished(name)):
                self._published.add(name)
                yield changes.Change(
                    changes.CREATE, f'version of {name}', (),
                    functools.partial(self._publish, name))

    def _plan_versions(self, name: str, fields: model.Fields
                       ) -> Iterator[changes.Change]:
        """Yield the versions that the server lacks, with their numbers."""
        latest = (self._find_row(name) or {}).get('latest_version') or 0
        for number, version in sorted(fields.get('versions', {}).items()):
            if number > latest:
                yield changes.Change(
                    changes.CREATE, f'version {number} of {name}', (),
                    functools.partial(self._restore_version, name, fields,
                                      number, version))

    def _restore_version(self, name: str, fields: model.Fields, number: int,
                         version: model.Fields) -> None:
        """Publish the code of a version, then restore the current code."""
        id = self._rows[name][0]['id']
        self._write_frozen(name, version)
        while True:
            row = self._client.versions.create(
                id, version.get('description'))
            if row['version_number'] == number:
                break
            # Deleted before the export.
            self._client.versions.delete(id, row['version_number'])
            if row['version_number'] > number:
                raise exceptions.ClientError(
                    f'the number {number} was used before; delete the '
                    'function first, to restore its versions.')
        self._write_frozen(name, fields)
        self._rows[name] = [{**self._rows[name][0], 'latest_version': number}]

    def _write_frozen(self, name: str, fields: model.Fields) -> None:
        """Give a function the code and the settings of a version."""
        code, archive = self._build_code(name, fields)
        id = self._rows[name][0]['id']
        if not self._is_same_code(self._client.functions.get(id), code,
                                  archive):
            self._client.functions.update(id, code=code, package=archive)
        desired = {**dict.fromkeys(('environment', 'async_policy',
                                    'input_schema', 'output_schema'), {}),
                   **_build_plain(fields)}
        desired.pop('description', None)
        self._client.functions.update(id, **desired)

    def _is_unpublished(self, name: str) -> bool:
        """Return whether the code differs from the latest version."""
        row = self._find_row(name)
        if row is None or not row.get('latest_version'):
            return True
        difference = self._client.versions.compare(row['id'])
        return bool(difference['settings'] or difference['files'])

    def _publish(self, name: str) -> None:
        row = self._rows[name][0]
        version = self._client.versions.create(row['id'])
        self._rows[name] = [
            {**row, 'latest_version': version['version_number']}]
        self._published.discard(name)

    def _plan_function(self, name: str, fields: model.Fields
                       ) -> Iterator[changes.Change]:
        row = self._find_row(name)
        desired = _build_plain(fields)
        desired.update(self._build_secrets(name, fields, row))
        code, archive = self._build_code(name, fields)
        runtime = self._find_runtime(name, fields)
        self._check_entry(name, fields, archive)
        if row is None:
            yield changes.Change(
                changes.CREATE, f'function {name}', changes.list_fields(
                    changes.hide_secrets(desired)),
                functools.partial(self._create, name, desired, code, archive,
                                  runtime))
            return
        if runtime and runtime != row['runtime_id']:
            raise exceptions.ClientError(
                f'functions.{name}.runtime cannot change; delete the '
                'function first.')
        secrets: _Desired = {
            field: desired.pop(field) for field
            in ('secrets', 'secret_modes') if field in desired}
        changed, details = changes.compare(row, desired)
        changed.update(secrets)
        if secrets:
            details += changes.list_fields(changes.hide_secrets(secrets))
        if not self._is_same_code(row, code, archive):
            changed['code'] = code
            details += ('code: changed',)
        if changed:
            yield changes.Change(
                changes.UPDATE, f'function {name}', details,
                functools.partial(
                    self._client.functions.update, row['id'], **changed,
                    package=archive if 'code' in changed else None))

    def _create(self, name: str, desired: _Desired, code: _Desired,
                archive: bytes | None, runtime: str | None) -> None:
        self._rows[name] = [self._client.functions.create(
            code=code, package=archive, name=name, runtime_id=runtime,
            **desired)]

    def _build_secrets(self, name: str, fields: model.Fields,
                       row: changes.Row | None) -> _Desired:
        """Return the secrets that the server lacks, or all with an option.

        The server shows no values, so no change can be seen.
        """
        present = () if row is None or self._update_secrets else (
            row.get('secret_names') or ())
        places = {key: place for key, place
                  in fields.get('secrets', {}).items() if key not in present}
        modes = {key: place['mode'] for key, place in places.items()
                 if 'mode' in place}
        return {**({'secrets': {
            key: self._manifest.read_secret(
                place, f'functions.{name}.secrets.{key}')
            for key, place in places.items()}} if places else {}),
            **({'secret_modes': modes} if modes else {})}

    def _build_code(self, name: str, fields: model.Fields
                    ) -> tuple[_Desired, bytes | None]:
        """Return the field ``code`` and the package."""
        if 'image' in fields:
            return {'source': 'image', 'image': fields['image']}, None
        self._manifest.compile(name, fields)
        paths = [self._manifest.locate(path) for path in fields['code']]
        if len(paths) == 1 and paths[0].suffix == '.zip':
            return {'source': 'package'}, package.read_archive(paths[0])
        if missing := [str(path) for path in paths if not path.exists()]:
            raise exceptions.ClientError(
                f'functions.{name}.code: there is no {missing[0]}.')
        return {'source': 'package'}, package.create_archive(
            paths, compress=not self._manifest.is_local)

    def _check_entry(self, name: str, fields: model.Fields,
                     archive: bytes | None) -> None:
        """Note a warning if the package has no file of the entry."""
        warning = archive and entries.explain_misfit(
            archive, fields.get('entry') or entries.DEFAULT_ENTRY,
            fields['runtime'])
        if warning:
            self.warnings.append(f'functions.{name}: {warning}')

    def _find_runtime(self, name: str, fields: model.Fields) -> str | None:
        if 'image' in fields:
            return None
        try:
            return self._runtimes[fields['runtime']]
        except KeyError:
            raise exceptions.ClientError(
                f'functions.{name}.runtime: there is no runtime '
                f'{fields["runtime"]}. Runtimes: '
                f'{", ".join(filter(None, self._runtimes))}.')

    def _is_same_code(self, row: changes.Row, code: _Desired,
                      archive: bytes | None) -> bool:
        stored = row['code']
        if archive is None or stored['source'] != 'package':
            return {**stored, **code} == dict(stored)
        digest = hashlib.sha256(archive).hexdigest()
        if digest == stored.get('sha256') or self._manifest.is_local:
            return bool(digest == stored.get('sha256'))
        # The same files may be packed in another way.
        data = b''.join(self._client.functions.download(row['id']))
        return (package.list_members(data)
                == package.list_members(archive))

    def plan_deletions(self) -> Iterator[changes.Change]:
        """Yield the deletions of functions that the file does not have."""
        for name, rows in self._rows.items():
            if name in self._desired:
                continue
            for row in rows:
                yield changes.Change(
                    changes.DELETE, f'function {name or row["id"]}', (),
                    functools.partial(self._delete, row['id']))

    def _delete(self, id: str) -> None:
        for version in list(self._client.versions.list(id)):
            self._client.versions.delete(id, version['version_number'])
        self._client.functions.delete(id)


def _build_plain(fields: model.Fields) -> _Desired:
    """Return the fields of the API that need no look-up."""
    return {form.field: fields[field]
            for field, form in forms.FORMS['functions'].items()
            if form.field and field in fields}
