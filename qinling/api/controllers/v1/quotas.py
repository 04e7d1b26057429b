# SPDX-License-Identifier: Apache-2.0
"""Quotas: ``/v1/quotas``."""

from wsme import types as wtypes

from qinling.api.route import expose
from qinling.api import types
from qinling import exception

ONE = '/v1/quotas/{project_id}'


class Amount(wtypes.UserType):
    """A whole number that may be as large as a store."""

    basetype = object
    name = 'integer'

    @staticmethod
    def validate(value):
        if (isinstance(value, bool) or not isinstance(value, int)
                or abs(value) >= 2 ** 63):
            raise exception.Invalid(f'{value!r} is not a whole number.')
        return value

    frombasetype = validate


class Amounts(types.Type):
    """How much there may be, or is."""

    functions = Amount()
    versions = Amount()
    storage_bytes = Amount()
    jobs = Amount()
    webhooks = Amount()
    concurrent_executions = Amount()


class Quota(types.Type):
    """The limits of a project, -1 for none, and what it uses."""

    project_id = types.Text
    limits = Amounts
    usage = Amounts


class Controller:
    """What can be done with quotas."""

    def __init__(self, services):
        self._core = services.quotas

    @expose('GET', ONE, policy='quota:get', result=Quota)
    def get(self, req, project_id):
        return self._show(req, project_id)

    @expose('PUT', ONE, policy='quota:update', result=Quota, body=Amounts)
    def update(self, req, project_id, body):
        self._core.update(project_id, types.given(body))
        return self._show(req, project_id)

    def _show(self, req, project_id):
        limits, usage = self._core.get(req.ctx, project_id)
        return Quota(project_id=project_id, limits=Amounts(**limits),
                     usage=Amounts(**usage))

    @expose('DELETE', ONE, policy='quota:delete', status=204)
    def delete(self, req, project_id):
        self._core.delete(project_id)
