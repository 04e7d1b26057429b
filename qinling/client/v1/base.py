# SPDX-License-Identifier: Apache-2.0
"""What the nouns of the API have in common."""

import time
import uuid

from qinling.client import exceptions
from qinling.client import http


#: Seconds between looks at what is not ready: the first, and the longest.
PAUSES = (0.1, 2.0)


class Resource(dict):
    """What the server sent; ``etag`` is the state of it, or ``None``."""

    etag = None


class Collection:
    """The things of one kind, at ``/v1/<path>``."""

    path = None
    #: The member of a list's answer that holds the items.
    key = None
    #: As the sentences of the server call one of them.
    noun = None
    #: The attribute that is taken for the name.
    name = 'name'
    #: Statuses that are not the last one.
    busy = ()

    def __init__(self, transport):
        self._transport = transport

    def list(self, **query):
        """Iterate over all of them; pages are read as they are needed.

        ``query``: ``limit`` (items of one page), ``marker``, ``sort_key``,
        ``sort_dir``, ``all_projects``, ``project_id`` and the filters.
        """
        return self._transport.pages(
            http.path(self.path), self.key, http.given(query))

    def get(self, id):
        """One of them, by its id."""
        return self._call('GET', id)

    def delete(self, id, if_match=None):
        """Delete one, if its ETag is still ``if_match`` or none is given."""
        self._call('DELETE', id, if_match=if_match)

    def id_of(self, reference):
        """The id of what is called by its id or its name.

        :raises NotFound: when nothing has that name.
        :raises NotUnique: when several do.
        """
        if _like_uuid(reference):
            return reference
        found = [row['id'] for row in self.list()
                 if row.get(self.name) == reference]
        if len(found) > 1:
            raise exceptions.NotUnique(
                f'{self.noun} {reference} is not unique; say which one by '
                f'its id: {", ".join(found)}.')
        if not found:
            raise exceptions.NotFound(
                f'{self.noun} not found [{self.name}={reference}]')
        return found[0]

    def looks(self, id):
        """Look at one again and again, until its status is a last one."""
        pause, longest = PAUSES
        while True:
            row = self.get(id)
            yield row
            if row['status'] not in self.busy:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, longest)

    def wait(self, id, patience=None):
        """One of them, once its status is a last one.

        :param patience: seconds; for ever if not given.
        :raises ClientError: when that was not enough.
        """
        end = time.monotonic() + patience if patience else float('inf')
        for row in self.looks(id):
            if row['status'] in self.busy and time.monotonic() > end:
                raise exceptions.ClientError(
                    f'{self.noun} {id} is still {row["status"]} after '
                    f'{patience} seconds.')
        return row

    def _call(self, method, *parts, if_match=None, **how):
        """The answer to a request about what is at ``parts`` below the
        collection; ``None`` if it has no body."""
        if if_match:
            how.setdefault('headers', {})['If-Match'] = if_match
        response = self._transport.request(
            method, http.path(self.path, *parts), **how)
        if not response.content:
            return None
        resource = Resource(response.json())
        resource.etag = response.headers.get('ETag')
        return resource


def _like_uuid(text):
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
