# SPDX-License-Identifier: Apache-2.0
"""Lists of resources: pagination, scope and the link to the next page."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import typing
import urllib.parse

import wsme

from qinling.api import pecan_patches
from qinling.api import types
from qinling import context
from qinling.db import crud
from qinling.db import paging
from qinling import exception

#: Converters of the query keys of a list.  Times are filters of the form
#: ``[operator:]value``.
PAGE: Mapping[str, Callable[[str], typing.Any]] = {
    'limit': types.parse_integer, 'marker': types.parse_uuid,
    'sort_key': str, 'sort_dir': str, 'with_count': types.parse_boolean,
    **types.FIELDS,
    'created_at': types.Several(str), 'updated_at': types.Several(str)}
#: Converter of a filter by the status.
STATUS: Mapping[str, Callable[[str], typing.Any]] = {
    'status': types.Several(str)}
#: Converters of the query keys of a list of resources that projects own.
OWNED: Mapping[str, Callable[[str], typing.Any]] = dict(
    PAGE, all_projects=types.parse_boolean, project_id=str)


class Collection(types.Type):
    """List; ``next`` is set only when more rows follow.

    ``count`` has the number of rows on all pages, at most
    :data:`.paging.MAX_COUNT`; ``count_is_exact`` is false for longer lists.
    """

    next = types.Text
    count = int
    count_is_exact = bool
    _has_etag = False


#: Pairs of an attribute and a text, see :mod:`qinling.db.filtering`.
Filters = list[tuple[str, str]]


def parse_query(req: pecan_patches.Request, noun: str,
                sortable: Sequence[str], query: dict[str, typing.Any]
                ) -> tuple[context.RequestContext, Filters, crud.Page]:
    """Return context, filters and page of a list of owned resources.

    :param noun: start of the names of the policies.
    :param query: values of the query keys.
    :raises Invalid, PolicyForbidden: see the functions below.
    """
    scope = {name: query.pop(name) for name in ('all_projects', 'project_id')
             if name in query}
    filters = pop_filters(query)
    page = parse_page(req, sortable, **query)
    ctx, project = resolve_scope(req, noun, **scope)
    return ctx, [*filters, *project.items()], page


def pop_filters(query: dict[str, typing.Any]) -> Filters:
    """Remove and return the filters of a query: all repeatable keys."""
    return [(name, text) for name in list(query)
            if isinstance(query[name], list) for text in query.pop(name)]


def parse_page(req: pecan_patches.Request, sortable: Sequence[str],
               limit: int | None = None, marker: str | None = None,
               with_count: bool = False, **order: str) -> crud.Page:
    """Return the page that a query selects.

    The page has one additional row, by which :func:`create_list` detects
    that more rows follow.

    :param sortable: attributes to sort by.
    :raises Invalid: an argument is not valid.
    """
    if limit is not None and limit < 1:
        raise exception.Invalid('limit must be at least 1.')
    sort_key, sort_dir = _parse_order(sortable, **order)
    max_page_size = req.limits.max_page_size
    if max_page_size:
        limit = min(limit or max_page_size, max_page_size)
    return crud.Page(limit and limit + 1, marker, sort_key, sort_dir,
                     paging.Count() if with_count else None)


def _parse_order(sortable: Sequence[str], sort_key: str = 'created_at',
                 sort_dir: str = 'asc') -> tuple[str, str]:
    if sort_key not in sortable:
        raise exception.Invalid(
            f'sort_key must be one of: {", ".join(sortable)}.')
    if sort_dir not in ('asc', 'desc'):
        raise exception.Invalid('sort_dir must be asc or desc.')
    return sort_key, sort_dir


def resolve_scope(req: pecan_patches.Request, noun: str,
                  all_projects: bool = False, project_id: str | None = None
                  ) -> tuple[context.RequestContext, dict[str, str]]:
    """Return the context and the filters for a list.

    Lists show the project of the caller, also for admins, unless the query
    selects more.  ``project_id`` of other callers is ignored.

    :raises PolicyForbidden: the caller must not see all projects.
    """
    rule = f'{noun}:get_all:all_projects'
    if project_id and req.ctx.can(rule):
        return req.ctx.elevated(), {'project_id': project_id}
    if not all_projects:
        return req.ctx, {}
    if not req.ctx.can(rule):
        raise exception.PolicyForbidden(rule=rule)
    return req.ctx.elevated(), {}


def create_list(req: pecan_patches.Request, name: str,
                rows: Sequence[typing.Any], page: crud.Page) -> types.View:
    """Return the attributes of a :class:`Collection` for a page of rows."""
    url = wsme.Unset
    if page.limit and len(rows) == page.limit:
        rows = rows[:-1]
        query = [(key, text) for key, text in req.arguments()
                 if key != 'marker']
        if 'limit' not in dict(query):
            query.append(('limit', str(page.limit - 1)))
        query.append(('marker', rows[-1].id))
        url = f'{req.path_url}?{urllib.parse.urlencode(query)}'
    count = page.count.value if page.count else None
    return types.View(
        **{name: rows}, next=url,
        count=wsme.Unset if count is None else min(count, paging.MAX_COUNT),
        count_is_exact=(wsme.Unset if count is None
                        else count <= paging.MAX_COUNT))
