# SPDX-License-Identifier: Apache-2.0
"""Functions, their packages and their workers."""

import json

from urllib3 import filepost

from qinling.client import http
from qinling.client.v1 import base

CHUNK = 64 * 1024
#: Fields that a form holds as JSON.
OBJECTS = {'code', 'async_policy', 'environment', 'secrets'}


class Functions(base.Collection):
    path = 'functions'
    key = 'functions'
    noun = 'Function'

    def create(self, code, package=None, progress=None, **fields):
        """Create a function.

        :param code: such as ``{'source': 'package'}``.
        :param package: the bytes of a ZIP file.
        :param progress: called with the numbers of bytes that were sent, and
            that there are.
        :param fields: ``runtime_id``, ``name``, ``description``, ``entry``,
            ``cpu``, ``memory_size``, ``timeout``, ``async_policy`` (what
            follows a failure that nobody waits for), ``environment`` and
            ``secrets`` (both name -> text; of secrets only the names are
            ever shown, as ``secret_names``, and ``None`` removes one).
        """
        return self._call('POST', **_form(
            dict(fields, code=code), package, progress))

    def update(self, id, package=None, progress=None, if_match=None,
               **fields):
        """Change a function; ``fields`` and ``code`` as above."""
        return self._call('PUT', id, if_match=if_match,
                          **_form(fields, package, progress))

    def download(self, id):
        """The package, as an iterator over pieces of bytes."""
        response = self._transport.request(
            'GET', http.path(self.path, id), stream=True,
            params={'download': 'true'})
        return response.iter_content(CHUNK)

    def references(self, id):
        """What keeps the function from being deleted."""
        return self._call('GET', id, 'references')['references']

    def build(self, id, version=0):
        """What was installed for the function, or for a version of it."""
        return self._call('GET', id, *_build(version))

    def rebuild(self, id, version=0):
        """Have what could not be installed tried again."""
        self._call('POST', id, *_build(version))

    def workers(self, id, version=None):
        """The workers that serve the function, or a version of it."""
        return self._call('GET', id, 'workers', params=http.given(
            {'function_version': version}))['workers']

    def scale_up(self, id, count=1):
        """Add workers."""
        self._call('POST', id, 'scale_up', json={'count': count})

    def scale_down(self, id, count=1):
        """Take workers away."""
        self._call('POST', id, 'scale_down', json={'count': count})

    def provision(self, id, count=1):
        """Have each engine keep so many workers warm, 0 for none."""
        self._call('POST', id, 'provision', json={'count': count})

    def detach(self, id):
        """Drop all workers."""
        self._call('POST', id, 'detach')


def _build(version):
    return ('versions', version, 'build') if version else ('build',)


class Upload:
    """A body that tells how much of it was sent; it can be sent again, as
    is needed when a token has run out."""

    def __init__(self, data, progress):
        self.data = data
        self.progress = progress

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        for begin in range(0, len(self.data), CHUNK):
            self.progress(begin, len(self.data))
            yield self.data[begin:begin + CHUNK]
        self.progress(len(self.data), len(self.data))


def _form(fields, package, progress):
    """The arguments of a request with a form."""
    fields = http.given(fields)
    for name in OBJECTS.intersection(fields):
        fields[name] = json.dumps(fields[name])
    if package is None:
        return {'data': fields, 'log': 'secrets' not in fields}
    parts = {name: str(value) for name, value in fields.items()}
    parts['package'] = ('package.zip', package, 'application/zip')
    data, content_type = filepost.encode_multipart_formdata(parts)
    return {'data': Upload(data, progress) if progress else data,
            'headers': {'Content-Type': content_type}, 'log': False}
