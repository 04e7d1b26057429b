# SPDX-License-Identifier: Apache-2.0
"""Operations that all nouns of the API share."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import re
import time
import typing

from qinling.client import exceptions
from qinling.client import http

#: Seconds between two polls of a resource: the first pause, and the longest.
POLL_SECONDS = (0.1, 2.0)
UUID = re.compile('[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}')
#: Items of a list.
Rows = list[dict[str, typing.Any]]


class Resource(dict[str, typing.Any]):
    """Fields of an answer; ``etag`` identifies the state of the resource."""

    etag: str | None = None


class Collection:
    """Resources of one kind, at ``/v1/<path>``.

    ``address`` is the id of a resource, unless the class documents another.
    """

    path: str
    #: Member of the answer that holds the items of a list.
    key: str
    #: Name of a resource in faults of the server.
    noun: str
    #: Field that serves as the name.
    name = 'name'
    #: Statuses that change without a request.
    busy: tuple[str, ...] = ()

    def __init__(self, transport: http.Transport) -> None:
        self._transport = transport

    def list(self, **query: typing.Any) -> Iterator[dict[str, typing.Any]]:
        """Iterate over all items; pages are read on demand.

        :param query: ``limit`` (items of a page), ``marker``, ``sort_key``,
            ``sort_dir``, ``all_projects``, ``project_id`` and the filters.
        """
        return self._transport.iterate_pages(
            http.build_path(self.path), self.key, http.drop_none(query))

    def get(self, *address: str | int) -> Resource:
        """Return a resource."""
        return self._call('GET', *self._locate(*address))

    def update(self, *address: str | int, if_match: str | None = None,
               **fields: typing.Any) -> Resource:
        """Change a resource; ``None`` leaves a field as is."""
        return self._call('PUT', *self._locate(*address), if_match=if_match,
                          json=http.drop_none(fields))

    def delete(self, *address: str | int, if_match: str | None = None) -> None:
        """Delete a resource.

        :param if_match: fail if the ETag of the resource is another.
        """
        self._send('DELETE', *self._locate(*address), if_match=if_match)

    def list_references(self, *address: str | int) -> Rows:
        """Return the resources that prevent the deletion."""
        return self._call(
            'GET', *self._locate(*address), 'references')['references']

    def find_id(self, reference: str) -> str:
        """Return the id for an id or a name.

        :raises NotFound: if no resource has the name.
        :raises NotUnique: if several resources have the name.
        """
        if _is_uuid(reference):
            return reference
        rows = list(self.list())
        ids = self._match(rows, reference)
        if len(ids) > 1:
            raise exceptions.NotUnique(
                f'{self.noun} {reference} is not unique; use an id: '
                f'{", ".join(ids)}.')
        if not ids:
            names = [row[self.name] for row in rows if row.get(self.name)]
            raise exceptions.NameNotFound(
                f'{self.noun} not found [{self.name}={reference}]', reference,
                names)
        return ids[0]

    def find_ids(self, name: str) -> Sequence[str]:
        """Return the ids of all resources with a name."""
        return self._match(self.list(), name)

    def _match(self, rows: Iterable[dict[str, typing.Any]], name: str
               ) -> Sequence[str]:
        return [row['id'] for row in rows if row.get(self.name) == name]

    def poll(self, id: str) -> Iterator[Resource]:
        """Yield a resource again and again, until the status is final."""
        pause, max_pause = POLL_SECONDS
        while True:
            row = self.get(id)
            yield row
            if row['status'] not in self.busy:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, max_pause)

    def wait(self, id: str, timeout: float | None = None) -> Resource:
        """Wait for the final status of a resource, and return the resource.

        :param timeout: seconds; without limit if ``None``.
        :raises ClientError: if the time runs out.
        """
        deadline = time.monotonic() + timeout if timeout else float('inf')
        with self._transport.indicator.show():
            for row in self.poll(id):
                if row['status'] in self.busy and time.monotonic() > deadline:
                    raise exceptions.ClientError(
                        f'{self.noun} {id} is still {row["status"]} after '
                        f'{timeout:.3g} seconds.')
        return row

    def _locate(self, *address: str | int) -> tuple[str | int, ...]:
        """Return the parts of the path below the collection."""
        return address

    def _send(self, method: str, *parts: str | int,
              if_match: str | None = None, **options: typing.Any
              ) -> typing.Any:
        """Return the response to a request below the collection."""
        if if_match:
            options.setdefault('headers', {})['If-Match'] = if_match
        return self._transport.request(
            method, http.build_path(self.path, *parts), **options)

    def _call(self, method: str, *parts: str | int,
              **options: typing.Any) -> Resource:
        """Return the resource in the answer to a request."""
        response = self._send(method, *parts, **options)
        resource = Resource(http.read_json(response))
        etag = response.headers.get('ETag')
        # A weak tag identifies an answer, and no state for If-Match.
        if etag and not etag.startswith('W/'):
            resource.etag = etag
        return resource


def _is_uuid(text: str) -> bool:
    return UUID.fullmatch(text.lower()) is not None
