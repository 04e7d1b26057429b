# SPDX-License-Identifier: Apache-2.0
"""Explanations of requests: ``/v1/.../explain``."""

import typing

from qinling.api.controllers.v1 import aliases
from qinling.api.controllers.v1 import event_sources
from qinling.api.controllers.v1 import executions
from qinling.api.controllers.v1 import jobs
from qinling.api.controllers.v1 import versions
from qinling.api.controllers.v1 import webhooks
from qinling.api import execution_requests
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module


class Target(types.Type):
    """What a share of the executions would run."""

    function_id = types.Text
    function_name = types.Text
    function_version = int
    share = float
    runtime_id = types.Text
    runtime = types.Text
    entry = types.Text
    cpu = int
    memory_size = int
    timeout = int
    problems = [types.Text]
    notes = [types.Text]


class Explanation(types.Type):
    """What a request would do; ``refusal`` says why it would be refused."""

    allowed = bool
    refusal = types.Text
    effects = [types.Text]
    targets = [Target]


class Controller:
    """Explanations; nothing is written and nothing runs."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.explainer

    @route('POST', executions.LIST_PATH + '/explain',
           policy='execution:explain', result=Explanation,
           body=executions.ExecutionCreate)
    def execution(self, req: pecan_patches.Request,
                  body: executions.ExecutionCreate) -> typing.Any:
        return self._core.execution(
            req.ctx, execution_requests.create(
                req.ctx, types.get_fields(body)))

    @route('POST', versions.LIST_PATH + '/explain',
           policy='function_version:explain', result=Explanation,
           body=versions.VersionCreate, optional_body=True)
    def version(self, req: pecan_patches.Request, id: str,
                body: versions.VersionCreate) -> typing.Any:
        return self._core.publication(req.ctx, id, types.get_fields(body))

    @route('POST', aliases.LIST_PATH + '/explain',
           policy='function_alias:explain', result=Explanation,
           body=aliases.Alias)
    def new_alias(self, req: pecan_patches.Request, body: aliases.Alias
                  ) -> typing.Any:
        return self._core.alias(req.ctx, types.get_fields(body))

    @route('POST', aliases.ITEM_PATH + '/explain',
           policy='function_alias:explain_update', result=Explanation,
           body=aliases.Alias)
    def alias(self, req: pecan_patches.Request, name: str,
              body: aliases.Alias) -> typing.Any:
        return self._core.alias(req.ctx, types.get_fields(body), name)

    @route('POST', jobs.LIST_PATH + '/explain', policy='job:explain',
           result=Explanation, body=jobs.Job)
    def job(self, req: pecan_patches.Request, body: jobs.Job) -> typing.Any:
        return self._core.job(req.ctx, types.get_fields(body))

    @route('POST', webhooks.LIST_PATH + '/explain', policy='webhook:explain',
           result=Explanation, body=webhooks.Webhook)
    def webhook(self, req: pecan_patches.Request, body: webhooks.Webhook
                ) -> typing.Any:
        return self._core.webhook(req.ctx, types.get_fields(body))

    @route('POST', event_sources.LIST_PATH + '/explain',
           policy='event_source:explain', result=Explanation,
           body=event_sources.EventSource)
    def event_source(self, req: pecan_patches.Request,
                     body: event_sources.EventSource) -> typing.Any:
        return self._core.event_source(req.ctx, types.get_fields(body))
