# SPDX-License-Identifier: Apache-2.0
"""What the lists of all nouns have in common."""

import types as types_module
import urllib.parse

import wsme

from qinling.api import types
from qinling.db import crud as db_query
from qinling import exception

PAGE = {'limit': types.integer, 'marker': types.uuid, 'sort_key': str,
        'sort_dir': str}
#: The keys of a list of things that projects own.
OWNED = dict(PAGE, all_projects=types.truth, project_id=str)


class Collection(types.Type):
    """A list; ``next`` is there only when there is more."""

    next = types.Text


def page(req, sortable, limit=None, marker=None, sort_key='created_at',
         sort_dir='asc'):
    """What part of a list the query asks for; always one item more, which
    tells :func:`answer` that there is more.

    :param sortable: names of the attributes that the list may be sorted by.
    """
    if limit is not None and limit < 1:
        raise exception.Invalid('limit must be at least 1.')
    if sort_key not in sortable:
        raise exception.Invalid(
            f'sort_key must be one of: {", ".join(sortable)}.')
    if sort_dir not in ('asc', 'desc'):
        raise exception.Invalid('sort_dir must be asc or desc.')
    most = req.limits.max_page_size
    if most:
        limit = min(limit or most, most)
    return db_query.Page(limit and limit + 1, marker, sort_key, sort_dir)


def scope(req, noun, all_projects=False, project_id=None):
    """(context, filters) for a list.

    Lists show the caller's project, an admin's as well, unless he asks for
    more.  ``project_id`` of anybody else is ignored.

    :raises PolicyForbidden: the caller may not see all projects.
    """
    rule = f'{noun}:get_all:all_projects'
    if project_id and req.ctx.can(rule):
        return req.ctx.elevated(), {'project_id': project_id}
    if not all_projects:
        return req.ctx, {}
    if not req.ctx.can(rule):
        raise exception.PolicyForbidden(rule=rule)
    return req.ctx.elevated(), {}


def answer(req, name, rows, page):
    """The attributes of a :class:`Collection` for the rows of a page."""
    following = wsme.Unset
    if page.limit and len(rows) == page.limit:
        rows = rows[:-1]
        query = dict(req.GET, limit=page.limit - 1, marker=rows[-1].id)
        following = f'{req.path_url}?{urllib.parse.urlencode(query)}'
    return types_module.SimpleNamespace(**{name: rows, 'next': following})


def rows(name, found):
    """The attributes of a list that has no pages."""
    return types_module.SimpleNamespace(**{name: found})
