# SPDX-License-Identifier: Apache-2.0
"""Code as a ZIP file in the Swift account of the user."""

import contextlib
import typing

from oslo_config import cfg

from qinling import exception
from qinling.external import swift as swift_client
from qinling.sources import base
from qinling.sources import cache

MAX_NAME_LENGTH = 1024


class Driver(base.Source):
    """Source of objects, fetched when the engine loads the function.

    Only the location is recorded.

    :param swift: ``None`` without Keystone authentication.
    """

    fetches = True

    def __init__(self, conf: cfg.ConfigOpts,
                 swift: swift_client.Swift | None) -> None:
        self._max_size: int = conf.swift.max_object_size
        self._swift = swift
        self.is_available = swift is not None
        self._cache = cache.Cache(conf.swift.cache_dir,
                                  conf.swift.cache_size)

    def create(self, code: base.Code, upload: typing.BinaryIO | None,
               auth: typing.Any = None) -> tuple[base.Code, str | None]:
        location = _parse_location(code)
        if not (location.get('container') and location.get('object')):
            raise exception.Invalid(
                'Both container and object must be provided for swift type '
                'function.')
        return self._check(location, auth), None

    def update(self, present: base.Code, code: base.Code | None,
               upload: typing.BinaryIO | None, auth: typing.Any = None
               ) -> tuple[base.Code, str | None] | None:
        if code is None:
            return None
        location = _parse_location(code)
        if not location:
            raise exception.Invalid(
                'Either container or object must be provided for swift type '
                'function.')
        return self._check(present['swift'] | location, auth), None

    def open(self, code: base.Code, package: str | None,
             auth: typing.Any = None) -> typing.BinaryIO:
        location = code['swift']
        if self._swift is None or auth is None:
            raise exception.PermanentError(
                'Cannot fetch the code from Swift: the function has no '
                'trust.')
        url = self._swift.build_url(auth, location['container'],
                                    location['object'])
        with contextlib.ExitStack() as stack:
            cached = self._cache.find(url)
            if cached is not None:
                stack.enter_context(cached.file)
            answer = stack.enter_context(self._swift.get(
                auth, url, cached.etag if cached else None))
            if answer is None and cached is not None:
                stack.pop_all()
                return cached.file
            info, chunks = answer or (swift_client.ObjectInfo('', 0), ())
            self._check_size(info)
            return self._cache.add(url, info, chunks)

    def _check(self, location: dict[str, str], auth: typing.Any
               ) -> base.Code:
        """Return the code object of an existing object.

        :raises Invalid: the object does not exist, or is too large.
        """
        if self._swift is None or auth is None:
            raise exception.Invalid('Swift object not supported.')
        try:
            self._check_size(self._swift.head(auth, self._swift.build_url(
                auth, location['container'], location['object'])))
        except FileNotFoundError:
            raise exception.Invalid(
                'Failed to validate object in Swift. There is no object '
                f'{location["object"]!r} in a container '
                f'{location["container"]!r} of your project.')
        except exception.PermanentError as e:
            raise exception.Invalid(
                f'Failed to validate object in Swift. {e}.')
        return {'source': 'swift', 'swift': location}

    def _check_size(self, info: swift_client.ObjectInfo) -> None:
        if info.size > self._max_size:
            raise exception.PermanentError(
                f'The object has {info.size} bytes, at most '
                f'{self._max_size} are allowed')


def _parse_location(code: base.Code) -> dict[str, str]:
    """Return ``container`` and ``object``, as far as present.

    :raises Invalid: a name is not valid.
    """
    fields = code.get('swift') or {}
    if not isinstance(fields, dict):
        raise exception.Invalid(
            'code.swift must be an object with container and object.')
    location = {name: fields[name] for name in ('container', 'object')
                if fields.get(name)}
    for name, value in location.items():
        if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH or (
                name == 'container' and '/' in value):
            raise exception.Invalid(
                f'{value!r} cannot be the name of a {name} in Swift.')
    return location
