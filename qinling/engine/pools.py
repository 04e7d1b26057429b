#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Runtimes on the orchestrator: pools made, changed and destroyed."""

from oslo_log import log

from qinling import context
from qinling.db import models
from qinling.db import query
from qinling import exception
from qinling.orchestrators import base
from qinling.states import RuntimeStatus

LOG = log.getLogger(__name__)

_MODEL = models.Runtime


class Pools:
    """Brings pools to what the rows say, and statuses to what is."""

    def __init__(self, db, orchestrator):
        self._db = db
        self._orchestrator = orchestrator

    def restore(self):
        """Bring every pool to its row, as an engine that starts must."""
        for row in self._db.read(lambda tx: query.find(tx, _MODEL)):
            if row.status == RuntimeStatus.DELETING:
                self.delete(row.id)
            elif row.status != RuntimeStatus.ERROR:
                self.ensure(row.id)

    def tend(self):
        """Make and destroy the pools whose message was lost."""
        waiting = _MODEL.status.in_((RuntimeStatus.CREATING.value,
                                     RuntimeStatus.DELETING.value))
        for row in self._db.read(lambda tx: query.find(tx, _MODEL, waiting)):
            if row.status == RuntimeStatus.CREATING:
                self.ensure(row.id)
            else:
                self.delete(row.id)

    def ensure(self, id, previous_image=None):
        """Make or change the pool of a runtime.

        :param previous_image: what to go back to if the new image fails.
        """
        row = self._row(id)
        if row is None or row.status == RuntimeStatus.DELETING:
            return
        try:
            self._orchestrator.ensure_pool(_spec(row))
        except (exception.PermanentError, exception.TemporaryError) as e:
            LOG.error('The pool of runtime %s cannot be made: %s', id, e)
            self._failed(row, str(e), previous_image)
            return
        if row.status != RuntimeStatus.AVAILABLE:
            self._move(id, RuntimeStatus.AVAILABLE, status_reason=None)

    def _failed(self, row, reason, previous_image):
        if row.status == RuntimeStatus.AVAILABLE:
            # Only this engine cannot serve it; others may.
            return
        if not previous_image:
            self._move(row.id, RuntimeStatus.ERROR, status_reason=reason)
            return
        LOG.warning('Runtime %s goes back to %s.', row.id, previous_image)
        self._orchestrator.ensure_pool(
            base.RuntimeSpec(row.id, previous_image, row.trusted))
        self._move(row.id, RuntimeStatus.AVAILABLE, image=previous_image,
                   status_reason=reason)

    def delete(self, id):
        """Destroy the pool and the row."""
        self._orchestrator.delete_pool(id)
        self._db.write(lambda tx: query.delete(tx, _MODEL, id))

    def capacity(self, id):
        """``{"total", "available"}``, or ``None`` without a pool."""
        found = self._orchestrator.capacity(id)
        return found and {'total': found.total,
                          'available': found.available}

    def _row(self, id):
        return self._db.read(
            lambda tx: query.get(tx, context.admin(), _MODEL, id=id))

    def _move(self, id, status, **values):
        self._db.write(
            lambda tx: query.move(tx, _MODEL, id, status.value, **values))


def _spec(row):
    return base.RuntimeSpec(row.id, row.image, row.trusted)
