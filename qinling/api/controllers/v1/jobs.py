# SPDX-License-Identifier: Apache-2.0
"""Jobs: ``/v1/jobs``."""

import datetime
import typing

import wsme

from qinling.api.controllers.v1 import executions
from qinling.api import etag
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling import context
from qinling.core import services as services_module
from qinling.core.trigger import backfills
from qinling.core.trigger import jobs
from qinling import exception

LIST_PATH = '/v1/jobs'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id', 'name', 'status',
            'next_execution_time')
DEFAULT_PREVIEW_COUNT = 5


class Job(types.Resource):
    """Schedule that runs a function.

    Updates may change ``status`` and ``next_execution_time``; new jobs
    ignore both.
    """

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
    overlap = types.Text
    start_at = types.DateTime()
    end_at = types.DateTime()
    jitter = types.Integer()
    max_failures = types.Integer()
    failures = wsme.wsattr(int, readonly=True)
    exclusions = [types.Text]
    count = types.Integer()
    first_execution_time = types.DateTime()
    next_execution_time = types.DateTime()


class Jobs(listing.Collection):
    """List of jobs."""

    jobs = [Job]


class FireTimes(types.Type):
    """Next fire times of a job."""

    next_execution_times = [datetime.datetime]


class Fire(types.Type):
    """Fire time of a job and what became of it; ``late`` is in seconds."""

    scheduled_at = datetime.datetime
    status = types.Text
    late = float
    reason = types.Text
    execution_id = types.Text


class Fires(types.Type):
    """Fire times of a job, in order."""

    fires = [Fire]


class Backfill(types.Type):
    """Request to run a job for the fire times that it missed."""

    since = types.Text
    until = types.Text
    dry_run = wsme.wsattr(bool, default=False)
    overlap = types.Text
    interval = types.Integer()


class Backfilled(types.Type):
    """Fire times of a backfill, and their number."""

    count = int
    fires = [Fire]


class Controller:
    """Operations on jobs."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.jobs
        self._triggers = services.triggers
        self._fires = services.fires

    @route('POST', LIST_PATH, policy='job:create', result=Job, status=201,
           body=Job, idempotent=True)
    def create(self, req: pecan_patches.Request, body: Job) -> typing.Any:
        return self._core.create(req.ctx, types.get_fields(body),
                                 req.idempotent)

    @route('GET', LIST_PATH, policy='job:get_all', result=Jobs,
           query={**listing.OWNED, **listing.STATUS})
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'job', SORTABLE, query)
        rows = self._core.list(ctx, filters, page)
        return listing.create_list(req, 'jobs', rows, page)

    @route('GET', ITEM_PATH, policy='job:get', result=Job,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, id: str) -> typing.Any:
        return self._core.get(req.ctx, id)

    @route('PUT', ITEM_PATH, policy='job:update', result=Job, body=Job,
           if_match=True)
    def update(self, req: pecan_patches.Request, id: str, body: Job
               ) -> typing.Any:
        return self._core.update(req.ctx, id, types.get_fields(body),
                                 etag.parse_if_match(req))

    @route('DELETE', ITEM_PATH, policy='job:delete', status=204,
           if_match=True)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id, etag.parse_if_match(req))

    @route('GET', ITEM_PATH + '/next', policy='job:get', result=FireTimes,
           query={'count': types.parse_integer})
    def preview(self, req: pecan_patches.Request, id: str,
                count: int = DEFAULT_PREVIEW_COUNT) -> FireTimes:
        return FireTimes(next_execution_times=self._core.preview(
            req.ctx, id, count))

    @route('POST', ITEM_PATH + '/run', policy='job:run',
           result=executions.Execution, status=201)
    def run(self, req: pecan_patches.Request, id: str) -> typing.Any:
        job = self._core.get(req.ctx, id)
        return executions.create_view(self._triggers.fire(
            context.project_owner(job.project_id, req.ctx),
            jobs.create_request(job)))

    @route('GET', ITEM_PATH + '/fires', policy='job:get', result=Fires,
           query={'since': types.parse_time, 'until': types.parse_time})
    def list_fires(self, req: pecan_patches.Request, id: str,
                   **query: datetime.datetime) -> types.View:
        return types.View(fires=self._fires.list_range(req.ctx, id, **query))

    @route('POST', ITEM_PATH + '/backfill', policy='job:backfill',
           result=Backfilled, body=Backfill)
    def backfill(self, req: pecan_patches.Request, id: str, body: Backfill
                 ) -> types.View:
        values = types.get_fields(body)
        if 'since' not in values:
            raise exception.Invalid('A backfill needs since.')
        since, until = values.pop('since'), values.pop('until', None)
        fires = self._fires.backfill(
            req.ctx, id, types.parse_time(since),
            until and types.parse_time(until), backfills.Options(**values))
        return types.View(count=len(fires), fires=fires)
