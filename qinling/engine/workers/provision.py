# SPDX-License-Identifier: Apache-2.0
"""Keeping workers warm for those who asked for it."""

from oslo_log import log

from qinling import context
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import RuntimeStatus

LOG = log.getLogger(__name__)


class Provision:
    """Sees to ``min_workers`` of functions and versions, on one engine.

    :param scaling: a :class:`qinling.engine.workers.scaling.Scaling`.
    :param later: function that calls another one in the background.
    """

    def __init__(self, db, scaling, later):
        self._db = db
        self._scaling = scaling
        self._later = later

    def tend(self):
        """Start what is missing."""
        wanted = self._db.read(self._wanted)
        for target in self._scaling.keep(wanted):
            self._later(self._scaling.scale_up, target)

    def _wanted(self, tx):
        """(target, number) pairs."""
        found = [(row.id, 0, row.min_workers) for row in crud.find(
            tx, models.Function, models.Function.min_workers > 0)]
        found += [(row.function_id, row.version_number, row.min_workers)
                  for row in crud.find(
                      tx, models.FunctionVersion,
                      models.FunctionVersion.min_workers > 0)]
        wanted = []
        for id, version, number in found:
            try:
                target = targets.resolve(tx, context.admin(), id, version)
            except exception.NotFound:
                continue  # it is being deleted
            if target.runtime_status == RuntimeStatus.AVAILABLE:
                wanted.append((target, number))
        return wanted
