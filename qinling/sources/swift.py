# SPDX-License-Identifier: Apache-2.0
"""Code that is a ZIP file in the user's own Swift."""

import contextlib

from qinling import exception
from qinling.sources import base
from qinling.sources import cache

LONGEST = 1024


class Driver(base.Source):
    """Checks an object, and fetches it when it is loaded: nothing is kept
    of it but where it is.

    :param swift: a :class:`qinling.external.swift.Swift`; ``None`` when
        callers are not known to Keystone.
    """

    fetches = True

    def __init__(self, conf, swift):
        self._limit = conf.swift.max_object_size
        self._swift = swift
        self._cache = cache.Cache(conf.swift.cache_dir,
                                  conf.swift.cache_size)

    def create(self, code, upload, auth=None):
        where = _location(code)
        if not (where.get('container') and where.get('object')):
            raise exception.Invalid(
                'Both container and object must be provided for swift type '
                'function.')
        return self._checked(where, auth), None

    def update(self, present, code, upload, auth=None):
        where = _location(code or {})
        if code is None:
            return None
        if not where:
            raise exception.Invalid(
                'Either container or object must be provided for swift type '
                'function.')
        return self._checked(dict(present['swift'], **where), auth), None

    def open(self, code, package, auth=None):
        where = code['swift']
        if self._swift is None or auth is None:
            raise exception.PermanentError(
                'The code is in Swift, and nobody is known to ask for it.')
        url = self._swift.url(auth, where['container'], where['object'])
        with contextlib.ExitStack() as stack:
            kept = self._cache.find(url)
            if kept is not None:
                stack.enter_context(kept.file)
            found, pieces = stack.enter_context(self._swift.get(
                auth, url, kept and kept.etag))
            if found is None:
                stack.pop_all()
                return kept.file
            self._check_size(found)
            return self._cache.keep(url, found, pieces)

    def _checked(self, where, auth):
        """The code to store for an object that is there."""
        if self._swift is None or auth is None:
            raise exception.Invalid('Swift object not supported.')
        try:
            self._check_size(self._swift.head(auth, self._swift.url(
                auth, where['container'], where['object'])))
        except FileNotFoundError:
            raise exception.Invalid(
                'Failed to validate object in Swift. There is no object '
                f'{where["object"]!r} in a container {where["container"]!r} '
                'of your project.')
        except exception.PermanentError as e:
            raise exception.Invalid(
                f'Failed to validate object in Swift. {e}.')
        return {'source': 'swift', 'swift': where}

    def _check_size(self, found):
        if found.size > self._limit:
            raise exception.PermanentError(
                f'The object has {found.size} bytes, at most {self._limit} '
                'are allowed')


def _location(code):
    """What is given of ``container`` and ``object``."""
    given = code.get('swift') or {}
    if not isinstance(given, dict):
        raise exception.Invalid(
            'code.swift must be an object with container and object.')
    where = {name: given[name] for name in ('container', 'object')
             if given.get(name)}
    for name, value in where.items():
        if not isinstance(value, str) or len(value) > LONGEST or (
                name == 'container' and '/' in value):
            raise exception.Invalid(
                f'{value!r} cannot be the name of a {name} in Swift.')
    return where
