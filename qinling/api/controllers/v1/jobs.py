# SPDX-License-Identifier: Apache-2.0
"""Jobs: ``/v1/jobs``."""

import datetime

import wsme

from qinling.api import etag
from qinling.api import listing
from qinling.api.route import expose
from qinling.api import types

ALL = '/v1/jobs'
ONE = ALL + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'name', 'status',
            'next_execution_time')
#: Ticks that are told if nobody says how many.
TICKS = 5


class Job(types.Resource):
    """Something that runs at given times.  ``status`` and
    ``next_execution_time`` may be changed, but not given at the start."""

    name = types.Text
    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    function_input = types.AnyJson()
    status = types.Text
    status_reason = wsme.wsattr(types.Text, readonly=True)
    pattern = types.Text
    timezone = types.Text
    misfire = types.Text
    count = types.Integer()
    first_execution_time = types.Moment()
    next_execution_time = types.Moment()


class Jobs(listing.Collection):
    """A list of jobs."""

    jobs = [Job]


class Ticks(types.Type):
    """When a job will fire."""

    next_execution_times = [datetime.datetime]


class Controller:
    """What can be done with jobs."""

    def __init__(self, services):
        self._core = services.jobs

    @expose('POST', ALL, policy='job:create', result=Job, status=201,
            body=Job, idempotent=True)
    def create(self, req, body):
        return self._core.create(req.ctx, types.given(body), req.once)

    @expose('GET', ALL, policy='job:get_all', result=Jobs,
            query=listing.OWNED)
    def get_all(self, req, all_projects=False, project_id=None, **query):
        page = listing.page(req, SORTABLE, **query)
        ctx, filters = listing.scope(req, 'job', all_projects, project_id)
        rows = self._core.list(ctx, filters, page)
        return listing.answer(req, 'jobs', rows, page)

    @expose('GET', ONE, policy='job:get', result=Job)
    def get(self, req, id):
        return self._core.get(req.ctx, id)

    @expose('PUT', ONE, policy='job:update', result=Job, body=Job)
    def update(self, req, id, body):
        return self._core.update(req.ctx, id, types.given(body),
                                 etag.match(req))

    @expose('DELETE', ONE, policy='job:delete', status=204)
    def delete(self, req, id):
        self._core.delete(req.ctx, id, etag.match(req))

    @expose('GET', ONE + '/next', policy='job:get', result=Ticks,
            query={'count': types.integer})
    def preview(self, req, id, count=TICKS):
        return Ticks(next_execution_times=self._core.preview(
            req.ctx, id, count))
