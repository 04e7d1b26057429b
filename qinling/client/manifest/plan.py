# SPDX-License-Identifier: Apache-2.0
"""Comparison of an application file with a server."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import functools
import typing

from qinling.client import exceptions
from qinling.client.manifest import changes
from qinling.client.manifest import forms
from qinling.client.manifest import functions
from qinling.client.manifest import model
from qinling.client import v1

#: Statuses of jobs that still run.
LIVE_JOBS = ('running', 'paused')
_Desired = dict[str, typing.Any]


class Planner:
    """Finds the changes that bring a project to the state of a file."""

    def __init__(self, client: v1.Client, manifest: model.Manifest,
                 update_secrets: bool = False) -> None:
        self._client = client
        self._manifest = manifest
        self._functions = functions.Functions(
            client, manifest, update_secrets)
        self._update_secrets = update_secrets

    @property
    def warnings(self) -> list[str]:
        """Return sentences about mistakes without an error."""
        return self._functions.warnings

    def plan(self) -> Iterator[changes.Change]:
        """Yield the changes, in the order in which they must be applied.

        All changes are known before the first is applied.
        """
        yield from self._functions.plan()
        yield from self._plan_noun('aliases', self._plan_alias)
        yield from self._plan_noun('jobs', self._plan_job)
        yield from self._plan_noun('webhooks', self._plan_webhook)
        yield from self._plan_noun('event_sources', self._plan_event_source)

    def plan_deletions(self) -> Iterator[changes.Change]:
        """Yield the deletions of what the file does not have.

        Only nouns in the file count: a file without ``jobs`` deletes no
        job.
        """
        for noun, word in (('event_sources', 'event source'),
                           ('webhooks', 'webhook'), ('jobs', 'job'),
                           ('aliases', 'alias')):
            if noun not in self._manifest.objects:
                continue
            collection = getattr(self._client, noun)
            for row in collection.list():
                name = row.get(collection.name)
                if name not in self._manifest.objects[noun]:
                    address = row['name' if noun == 'aliases' else 'id']
                    yield changes.Change(
                        changes.DELETE, f'{word} {name or row["id"]}', (),
                        functools.partial(collection.delete, address))
        if 'functions' in self._manifest.objects:
            yield from self._functions.plan_deletions()

    def _plan_noun(self, noun: str, plan: Callable[
            [str, model.Fields, changes.Row | None],
            Iterator[changes.Change]]) -> Iterator[changes.Change]:
        objects = self._manifest.objects.get(noun, {})
        if not objects:
            return
        collection = getattr(self._client, noun)
        rows: dict[str, changes.Row] = {}
        for row in collection.list():
            name = row.get(collection.name)
            if noun == 'jobs' and row['status'] not in LIVE_JOBS:
                continue
            if name in objects and name in rows:
                raise exceptions.NotUnique(
                    f'{noun}.{name}: the project has several with this '
                    'name; delete all but one.')
            rows[name] = row
        for name, fields in objects.items():
            yield from plan(name, fields, rows.get(name))

    def _build_fields(self, noun: str, fields: model.Fields) -> _Desired:
        """Return the fields of the API that need no look-up."""
        return {form.field: fields[name]
                for name, form in forms.FORMS[noun].items()
                if form.field and name in fields}

    def _plan_alias(self, name: str, fields: model.Fields,
                    row: changes.Row | None) -> Iterator[changes.Change]:
        function = fields['function']
        target = self._functions.resolve_weights(function, fields)
        desired: _Desired = {
            'function_id': self._functions.find_id(function), **target,
            **self._build_fields('aliases', fields)}

        def write(change: Callable[..., object]) -> None:
            change(name, **{
                **self._build_fields('aliases', fields),
                'function_id': self._functions.find_id(function),
                **self._functions.resolve_weights(function, fields)})

        def create() -> None:
            former = fields.get('history', ())
            for place, item in enumerate(former):
                change = (self._client.aliases.update if place
                          else self._client.aliases.create)
                change(name, function_id=self._functions.find_id(function),
                       **self._functions.resolve_weights(function, item))
            write(self._client.aliases.update if former
                  else self._client.aliases.create)
        if row is None:
            yield changes.Change(
                changes.CREATE, f'alias {name}', changes.list_fields(
                    {'function': function, **target}), create)
            return
        changed, details = changes.compare(row, desired)
        if changed:
            yield changes.Change(
                changes.UPDATE, f'alias {name}', details,
                functools.partial(write, self._client.aliases.update))

    def _resolve_target(self, fields: model.Fields) -> _Desired:
        if 'alias' in fields:
            return {'function_alias': fields['alias'], 'function_id': None}
        return {'function_alias': None,
                'function_id': self._functions.find_id(fields['function']),
                'function_version': self._functions.resolve_version(
                    fields['function'], fields.get('version', 0))}

    def _plan_job(self, name: str, fields: model.Fields,
                  row: changes.Row | None) -> Iterator[changes.Change]:
        desired = self._build_fields('jobs', fields)

        def create() -> None:
            self._client.jobs.create(
                name=name, **desired, **self._resolve_target(fields))
        if row is None:
            yield changes.Change(changes.CREATE, f'job {name}',
                                 changes.list_fields(desired), create)
            return
        _target, details = changes.compare(row, self._resolve_target(fields))
        if details:
            # The target of a job cannot change.
            yield changes.Change(
                changes.DELETE, f'job {name}', details,
                functools.partial(self._client.jobs.delete, row['id']))
            yield changes.Change(changes.CREATE, f'job {name}',
                                 changes.list_fields(desired), create)
            return
        # What remains of the number and of the first time is no difference.
        changed, details = changes.compare(row, {
            field: value for field, value in desired.items()
            if field not in ('count', 'first_execution_time')})
        if changed:
            yield changes.Change(
                changes.UPDATE, f'job {name}', details,
                functools.partial(self._client.jobs.update, row['id'],
                                  **changed))

    def _plan_webhook(self, name: str, fields: model.Fields,
                      row: changes.Row | None) -> Iterator[changes.Change]:
        desired = self._build_fields('webhooks', fields)
        secret = {}
        if 'secret' in fields and (row is None or self._update_secrets):
            secret['secret'] = self._manifest.read_secret(
                fields['secret'], f'webhooks.{name}.secret')
        if row is None:
            yield changes.Change(
                changes.CREATE, f'webhook {name}',
                changes.list_fields(desired), functools.partial(
                    self._write_webhook, self._client.webhooks.create, fields,
                    description=name, **desired, **secret))
            return
        signature = desired.pop('signature', row.get('signature'))
        if signature != row.get('signature') or secret:
            yield changes.Change(
                changes.UPDATE, f'webhook {name}', ('secret: rotated',),
                functools.partial(self._client.webhooks.rotate_secret,
                                  row['id'], signature=signature, **secret))
        changed, details = changes.compare(
            row, {**desired, **self._resolve_target(fields)})
        if changed:
            yield changes.Change(
                changes.UPDATE, f'webhook {name}', details, functools.partial(
                    self._write_webhook, self._client.webhooks.update, fields,
                    row['id'], **desired))

    def _write_webhook(self, write: Callable[..., object],
                       fields: model.Fields, *args: typing.Any,
                       **desired: typing.Any) -> None:
        # Not before: an earlier change may create the function.
        write(*args, **desired, **self._resolve_target(fields))

    def _plan_event_source(self, name: str, fields: model.Fields,
                           row: changes.Row | None
                           ) -> Iterator[changes.Change]:
        desired = self._build_fields('event_sources', fields)
        subject = f'event source {name}'
        create = changes.Change(
            changes.CREATE, subject, changes.list_fields(desired),
            functools.partial(self._write_event_source,
                              self._client.event_sources.create, fields,
                              name=name, **desired))
        if row is None:
            yield create
            return
        if row['kind'] != desired['kind']:
            # The kind of a source cannot change.
            yield changes.Change(
                changes.DELETE, subject,
                (f'kind: {row["kind"]} -> {desired["kind"]}',),
                functools.partial(self._client.event_sources.delete,
                                  row['id']))
            yield create
            return
        changed, details = changes.compare(row, {
            **desired, **self._resolve_target(fields),
            # The server adds the defaults of the kind.
            'settings': {**row['settings'], **desired['settings']},
            **({'filter': _list_values(desired['filter'])}
               if desired.get('filter') else {})})
        if 'credentials' in fields and (
                self._update_secrets or not row['has_credentials']):
            details += ('credentials: replaced',)
        if details:
            # A change of the URL needs the credentials again.
            del desired['kind']
            yield changes.Change(
                changes.UPDATE, subject, details, functools.partial(
                    self._write_event_source,
                    self._client.event_sources.update, fields, row['id'],
                    needs_credentials='settings' in changed or (
                        details[-1] == 'credentials: replaced'), **desired))

    def _write_event_source(self, write: Callable[..., object],
                            fields: model.Fields, *args: typing.Any,
                            needs_credentials: bool = True,
                            **desired: typing.Any) -> None:
        if needs_credentials and 'credentials' in fields:
            desired['credentials'] = self._manifest.read_credentials(
                fields['credentials'], 'event_sources.credentials')
        # Not before: an earlier change may create the function.
        write(*args, **desired, **self._resolve_target(fields))


def _list_values(filter: Mapping[str, typing.Any]) -> _Desired:
    """Return a filter as the server shows it: all values in lists."""
    result = {name: value for name, value in filter.items() if value}
    if isinstance(result.get('match'), dict):
        result['match'] = {
            path: value if isinstance(value, list) else [value]
            for path, value in result['match'].items()}
    return result


def summarise(plan: list[changes.Change]) -> Mapping[str, int]:
    """Return the number of changes by sign."""
    return {sign: sum(change.sign == sign for change in plan)
            for sign in (changes.CREATE, changes.UPDATE, changes.DELETE)}
