# SPDX-License-Identifier: Apache-2.0
"""Writing of an application file from a server."""

from __future__ import annotations

from collections.abc import Iterable
import hashlib
import json
import pathlib
import re
import typing
import urllib.parse

from qinling.client.manifest import changes
from qinling.client.manifest import forms
from qinling.client.manifest import plan
from qinling.client import v1

PACKAGES = 'packages'
FILE = 'app.yaml'
#: Names of the credentials of event sources, which the server never shows.
LOGIN = ('username', 'password')
CREDENTIALS = {'swift': ('application_credential_id',
                         'application_credential_secret')}
#: Characters of a name in the name of a file.
MAX_NAME_LENGTH = 200
_Fields = dict[str, typing.Any]


class Exporter:
    """Writes the functions of a project, with all that refers to them.

    :param directory: of the new file.

    ``omissions`` has a sentence about all that the file lacks.
    """

    def __init__(self, client: v1.Client, directory: pathlib.Path
                 ) -> None:
        self._client = client
        self._directory = directory
        self.omissions: list[str] = []
        self._runtimes = {row['id']: row['name'] or row['id']
                          for row in client.runtimes.list()}
        #: Id -> name of the functions in the file.
        self._names: dict[str, str] = {}

    def export(self) -> pathlib.Path:
        """Return the path of the new application file."""
        # Only these commands need YAML.
        import yaml

        (self._directory / PACKAGES).mkdir(parents=True, exist_ok=True)
        document = {
            'functions': dict(self._list_functions()),
            'aliases': dict(self._list_aliases()),
            'jobs': dict(self._list_jobs()),
            'webhooks': dict(self._list_webhooks()),
            'event_sources': dict(self._list_event_sources())}
        path = self._directory / FILE
        path.write_text(yaml.safe_dump(
            {noun: objects for noun, objects in document.items() if objects},
            sort_keys=False, allow_unicode=True), 'utf-8')
        return path

    def _list_functions(self) -> Iterable[tuple[str, _Fields]]:
        for row in self._client.functions.list():
            name = row['name'] or row['id']
            if name in self._names.values():
                self.omissions.append(
                    f'Function {row["id"]} is left out: another one has the '
                    f'name {name}.')
            elif row['code']['source'] == 'swift':
                self.omissions.append(
                    f'Function {name} is left out: its code is in Swift.')
            else:
                self._names[row['id']] = name
                yield name, self._describe_function(row, name)

    def _describe_function(self, row: changes.Row, name: str) -> _Fields:
        fields = self._describe_code(row, name, 0)
        if row['runtime_id']:
            fields['runtime'] = self._runtimes[row['runtime_id']]
        if row.get('trust'):
            fields['trust'] = True
        if row.get('flow_control'):
            fields['flow_control'] = row['flow_control']
        if row.get('secret_names'):
            fields['secrets'] = {secret: {'env': secret}
                                 for secret in row['secret_names']}
        versions = sorted(self._client.versions.list(row['id']),
                          key=lambda version: version['version_number'])
        if versions:
            fields['versions'] = {
                version['version_number']: self._describe_code(
                    version, name, version['version_number'])
                for version in versions}
        return fields

    def _describe_code(self, row: changes.Row, name: str, version: int
                       ) -> _Fields:
        """Return what a version freezes, and write its package."""
        fields: _Fields = {}
        if row['code']['source'] == 'image':
            fields['image'] = row['code']['image']
        else:
            end = f'-{version}.zip' if version else '.zip'
            fields['code'] = f'{PACKAGES}/{_file_name(name)}{end}'
            address = ((row['function_id'], version) if version
                       else (row['id'],))
            collection = (self._client.versions if version
                          else self._client.functions)
            with open(self._directory / fields['code'], 'wb') as target:
                target.writelines(collection.download(*address))
        for field, form in forms.FROZEN.items():
            if form.field and row.get(form.field) not in (None, '', {}):
                fields[field] = row[form.field]
        return fields

    def _list_aliases(self) -> Iterable[tuple[str, _Fields]]:
        for row in self._client.aliases.list():
            if row['function_id'] not in self._names:
                continue
            fields = {'function': self._names[row['function_id']],
                      **_describe_target(row)}
            for field in ('description', 'tool', 'flow_control'):
                if row.get(field):
                    fields[field] = row[field]
            versions = {0, *(version['version_number'] for version in
                             self._client.versions.list(row['function_id']))}
            former = [_describe_target(entry) for entry in reversed(
                self._client.aliases.list_history(row['name'])[1:])
                if entry['function_id'] == row['function_id']]
            fields['history'] = [
                item for item in former
                if versions >= set(item.get('routing')
                                   or [item.get('version')])]
            yield row['name'], fields

    def _list_jobs(self) -> Iterable[tuple[str, _Fields]]:
        for row in self._client.jobs.list():
            if row['status'] in plan.LIVE_JOBS and self._is_exported(row):
                fields = self._describe_trigger(row, 'jobs')
                if 'input' in fields:
                    fields['input'] = _decode(fields['input'])
                if row['pattern']:
                    # Its remaining number of executions stays.
                    fields.pop('first_execution_time', None)
                yield row['name'] or row['id'], fields

    def _list_webhooks(self) -> Iterable[tuple[str, _Fields]]:
        for row in self._client.webhooks.list():
            if not self._is_exported(row):
                continue
            name = row['description'] or row['id']
            fields = self._describe_trigger(row, 'webhooks')
            if row.get('signature'):
                fields['secret'] = {'env': _variable(name)}
            yield name, fields

    def _list_event_sources(self) -> Iterable[tuple[str, _Fields]]:
        for row in self._client.event_sources.list():
            if not self._is_exported(row):
                continue
            name = row['name'] or row['id']
            fields = self._describe_trigger(row, 'event_sources')
            if row['has_credentials']:
                fields['credentials'] = {
                    place: {'env': f'{_variable(name, "SOURCE")}_'
                                   f'{place.upper()}'}
                    for place in CREDENTIALS.get(row['kind'], LOGIN)}
            yield name, fields

    def _is_exported(self, row: changes.Row) -> bool:
        return bool(row['function_alias']
                    or row['function_id'] in self._names)

    def _describe_trigger(self, row: changes.Row, noun: str) -> _Fields:
        if row['function_alias']:
            fields: _Fields = {'alias': row['function_alias']}
        else:
            fields = {'function': self._names[row['function_id']],
                      'version': row['function_version'] or 0}
        for field, form in forms.FORMS[noun].items():
            if form.field and row.get(form.field) not in (None, ''):
                fields[field] = row[form.field]
        return fields


def _describe_target(row: changes.Row) -> _Fields:
    if row['routing']:
        return {'routing': {int(version): weight for version, weight
                            in row['routing'].items()}}
    return {'version': row['function_version']}


def _decode(text: typing.Any) -> typing.Any:
    """Return an input as YAML shows it best."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _file_name(name: str) -> str:
    """Return the name of a file, different for different names."""
    quoted = urllib.parse.quote(name, safe='')
    return (quoted if len(quoted) <= MAX_NAME_LENGTH
            else hashlib.sha256(name.encode()).hexdigest())


def _variable(name: str, noun: str = 'WEBHOOK') -> str:
    """Return the environment variable with the secret of a trigger."""
    return f'{noun}_' + re.sub(r'[^A-Z0-9]', '_', name.upper())
