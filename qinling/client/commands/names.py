# SPDX-License-Identifier: Apache-2.0
"""Names in place of ids in tables."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import typing

from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import v1

#: More names than that are read with one request for the whole list.
MAX_SINGLE_REQUESTS = 3
ID_LENGTH = 8
#: End of the name of a resource that exists no more.
DELETED = ' (deleted)'
#: Field -> collection of the Python client, and the field with the name.
COLLECTIONS = {'function_id': ('functions', 'name'),
               'runtime_id': ('runtimes', 'name'), 'job_id': ('jobs', 'name'),
               'webhook_id': ('webhooks', 'description'),
               'event_source_id': ('event_sources', 'name')}

Row = Mapping[str, typing.Any]


def parse_filters(client: v1.Client, texts: Sequence[str]
                  ) -> dict[str, list[str]]:
    """Return the values of each key of options ``KEY=VALUE``.

    The name of a function, a runtime, a job or an event source becomes the id.

    :raises ClientError: a text is no pair, or no resource has the name.
    """
    filters: dict[str, list[str]] = {}
    for text in texts:
        key, value = options.parse_pair(text, 'filter')
        attribute, field = COLLECTIONS.get(key, ('', ''))
        if field == 'name' and value:
            value = _find_ids(getattr(client, attribute), value)
        filters.setdefault(key, []).append(value)
    return filters


def _find_ids(collection: typing.Any, value: str) -> str:
    """Return the value of a filter with ids in place of names."""
    operator, _, names = value.partition(':')
    if operator in ('in', 'nin'):
        ids = ','.join(map(collection.find_id, names.split(',')))
    elif operator in ('eq', 'neq'):
        ids = collection.find_id(names)
    else:
        return str(collection.find_id(value))
    return f'{operator}:{ids}'


class Names:
    """Names of what the rows of a table refer to.

    :param rows: the rows of the table.
    """

    def __init__(self, client: v1.Client, rows: Sequence[Row]) -> None:
        self._client = client
        self._rows = rows
        #: {field: {id: name}}
        self._names: dict[str, dict[str, str]] = {}

    def get(self, field: str, id: str | None) -> str:
        """Return the name of a resource.

        :param field: one of :data:`COLLECTIONS`.
        """
        if id is None:
            return ''
        if field not in self._names:
            self._names[field] = self._read_names(field)
        return self._names[field].get(id) or id

    def describe(self, field: str, id: str) -> str:
        """Return the name and the id; the id alone without a name.

        A name is a comfort: no failure to read the name, such as a policy,
        stops a command.
        """
        try:
            name = self.get(field, id)
        except exceptions.ClientError:
            return id
        if name.endswith(DELETED):
            return f'{id}{DELETED}'
        return id if name == id else f'{name} ({id})'

    def is_shared(self, name: str) -> bool:
        """Return whether several rows of the table have a name."""
        return sum(row.get('name') == name for row in self._rows) > 1

    def describe_target(self, row: Row) -> str:
        """Return the function, version and alias of a row."""
        alias = row.get('function_alias')
        if not row.get('function_id'):
            return f'alias {alias}'
        name = self.get('function_id', row['function_id'])
        if row.get('function_version'):
            name += f':{row["function_version"]}'
        return f'{name} ({alias})' if alias else name

    def _read_names(self, field: str) -> dict[str, str]:
        attribute, key = COLLECTIONS[field]
        collection: typing.Any = getattr(self._client, attribute)
        ids = {row[field] for row in self._rows if row.get(field)}
        names = {}
        if len(ids) > MAX_SINGLE_REQUESTS:
            names = {row['id']: row[key] for row in collection.list()
                     if row['id'] in ids}
        for id in ids - set(names):
            try:
                names[id] = collection.get(id)[key]
            except exceptions.NotFound:
                names[id] = f'{id[:ID_LENGTH]}{DELETED}'
        return names


def show_name(row: Row, names: Names) -> str:
    """Return the name of a resource, with the id unless the name selects
    one row."""
    name: str | None = row.get('name')
    if not name:
        return str(row['id'])
    return f'{name} ({row["id"]})' if names.is_shared(name) else name


def show_target(row: Row, names: Names) -> str:
    """Return the function of a resource."""
    return names.describe_target(row)


def show_runtime(row: Row, names: Names) -> str:
    """Return the runtime of a function, or the image."""
    if row.get('runtime_id'):
        return names.get('runtime_id', row['runtime_id'])
    code = row.get('code')
    return f'image {code["image"]}' if (
        isinstance(code, Mapping) and code.get('image')) else ''
