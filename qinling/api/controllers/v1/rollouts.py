# SPDX-License-Identifier: Apache-2.0
"""Rollouts of aliases: ``/v1/aliases/{name}/rollout``."""

import datetime
import typing

import wsme

from qinling.api.controllers.v1 import aliases
from qinling.api import etag
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core.rollout import judge
from qinling.core import services as services_module

PATH = aliases.ITEM_PATH + '/rollout'


class Share(types.Type):
    """Executions, and those of them that failed or were slow."""

    count = int
    hits = int


class Comparison(types.Type):
    """Figures of one guard.

    ``evidence`` is the factor by which the figures favour "worse than the old
    version"; ``threshold`` are the seconds above which a run counts as slow.
    """

    old = Share
    new = Share
    evidence = float
    threshold = float


class Rollout(types.Resource):
    """Move of an alias to ``function_version``, in steps, under guards."""

    alias = wsme.wsattr(types.Text, readonly=True)
    function_id = wsme.wsattr(types.Text, readonly=True)
    from_version = wsme.wsattr(int, readonly=True)
    function_version = types.Version()
    status = wsme.wsattr(types.Text, readonly=True)
    status_reason = wsme.wsattr(types.Text, readonly=True)
    steps = types.AnyJson()
    guards = types.AnyJson()
    on_breach = types.Text
    #: Number of the present step, from 1.
    step = wsme.wsattr(int, readonly=True)
    step_started_at = wsme.wsattr(datetime.datetime, readonly=True)
    #: Executions of the new version within the step.
    step_executions = wsme.wsattr(int, readonly=True)
    errors = wsme.wsattr(Comparison, readonly=True)
    latency = wsme.wsattr(Comparison, readonly=True)


class RolloutCreate(Rollout):
    """Request for a rollout, perhaps only after a replay of the version."""

    requires_replay = types.AnyJson()
    max_differences = types.Integer()


class Controller:
    """Operations on the rollout of an alias."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.rollouts

    @route('POST', PATH, policy='rollout:create', result=Rollout, status=201,
           body=RolloutCreate, if_match=True)
    def create(self, req: pecan_patches.Request, name: str,
               body: RolloutCreate) -> types.View:
        return _view(self._core.start(req.ctx, name, types.get_fields(body),
                                      etag.parse_if_match(req)))

    @route('GET', PATH, policy='rollout:get', result=Rollout,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, name: str) -> types.View:
        return _view(self._core.get(req.ctx, name))

    @route('POST', PATH + '/pause', policy='rollout:update', result=Rollout)
    def pause(self, req: pecan_patches.Request, name: str) -> types.View:
        return _view(self._core.pause(req.ctx, name))

    @route('POST', PATH + '/resume', policy='rollout:update', result=Rollout)
    def resume(self, req: pecan_patches.Request, name: str) -> types.View:
        return _view(self._core.resume(req.ctx, name))

    @route('POST', PATH + '/promote', policy='rollout:update', result=Rollout)
    def promote(self, req: pecan_patches.Request, name: str) -> types.View:
        return _view(self._core.promote(req.ctx, name))

    @route('POST', PATH + '/abort', policy='rollout:update', result=Rollout)
    def abort(self, req: pecan_patches.Request, name: str) -> types.View:
        return _view(self._core.abort(req.ctx, name))


def _view(row: typing.Any) -> types.View:
    judgement = judge.Judgement.load(row.judgement)
    return types.View(
        row, alias=row.alias_name, function_version=row.to_version,
        step=row.step + 1, step_executions=judgement.step_count,
        **{name: _compare(name, judgement) if name in row.guards else None
           for name in judge.GUARDS})


def _compare(name: str, judgement: judge.Judgement) -> types.View:
    present = getattr(judgement, name).present
    return types.View(
        old=present.baseline, new=present.candidate, evidence=present.value,
        threshold=judgement.threshold if name == 'latency' else None)
