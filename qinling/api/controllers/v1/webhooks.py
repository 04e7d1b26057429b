# SPDX-License-Identifier: Apache-2.0
"""Webhooks: ``/v1/webhooks``."""

import datetime

import wsme

from qinling.api import etag
from qinling.api import listing
from qinling.api.route import expose
from qinling.api import types
from qinling.api import webhook_http

ALL = '/v1/webhooks'
ONE = ALL + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id')


class Change(types.Resource):
    """What may be changed of a webhook, and what its owner cannot set."""

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    description = types.Text
    sync = bool
    payload = types.Text
    previous_until = wsme.wsattr(datetime.datetime, readonly=True)
    refused = wsme.wsattr(int, readonly=True)
    webhook_url = wsme.wsattr(types.Text, readonly=True)


class Webhook(Change):
    """A URL that runs a function; ``refused`` counts deliveries that did
    not.  ``secret`` is in the answer that makes it and in no other."""

    signature = types.Text
    secret = types.Text


class Webhooks(listing.Collection):
    """A list of webhooks."""

    webhooks = [Webhook]


class Secret(types.Type):
    """Another secret; ``overlap`` is in seconds."""

    signature = types.Text
    secret = types.Text
    overlap = types.Integer()


class Controller:
    """What can be done with webhooks."""

    def __init__(self, services):
        self._core = services.webhooks
        self._deliveries = services.deliveries
        self._endpoint = services.conf.qinling_endpoint
        self._most = services.conf.webhooks.max_body_size

    @expose('POST', ALL, policy='webhook:create', result=Webhook, status=201,
            body=Webhook)
    def create(self, req, body):
        return self._shown(req, *self._core.create(
            req.ctx, types.given(body)))

    @expose('GET', ALL, policy='webhook:get_all', result=Webhooks,
            query=listing.OWNED)
    def get_all(self, req, all_projects=False, project_id=None, **query):
        page = listing.page(req, SORTABLE, **query)
        ctx, filters = listing.scope(req, 'webhook', all_projects,
                                     project_id)
        rows = self._core.list(ctx, filters, page)
        answer = listing.answer(req, 'webhooks', rows, page)
        answer.webhooks = [self._shown(req, row) for row in answer.webhooks]
        return answer

    @expose('GET', ONE, policy='webhook:get', result=Webhook)
    def get(self, req, id):
        return self._shown(req, self._core.get(req.ctx, id))

    @expose('PUT', ONE, policy='webhook:update', result=Webhook,
            body=Change)
    def update(self, req, id, body):
        return self._shown(req, self._core.update(
            req.ctx, id, types.given(body), etag.match(req)))

    @expose('DELETE', ONE, policy='webhook:delete', status=204)
    def delete(self, req, id):
        self._core.delete(req.ctx, id, etag.match(req))

    @expose('POST', ONE + '/secret', policy='webhook:update', result=Webhook,
            body=Secret, bare=True)
    def rotate(self, req, id, body):
        return self._shown(req, *self._core.rotate(
            req.ctx, id, types.given(body), etag.match(req)))

    @expose('DELETE', ONE + '/secret', policy='webhook:update', status=204)
    def unseal(self, req, id):
        self._core.unseal(req.ctx, id, etag.match(req))

    @expose('POST', ONE + '/invoke', policy='webhook:invoke', status=202,
            also=webhook_http.ALSO, public=True, raw=True, lax=True)
    def invoke(self, req, id):
        if req.method == 'HEAD':
            self._deliveries.webhook(id)
            return webhook_http.nothing()
        return webhook_http.answer(*self._deliveries.take(
            id, webhook_http.read(req, self._most), req.ctx))

    def _shown(self, req, row, secret=wsme.Unset):
        """The row as users see it: with its URL, and instead of the secret
        that is stored the one that is given, or none."""
        base = (self._endpoint or req.application_url).rstrip('/')
        return types.view(row, secret=secret, webhook_url=(
            f'{base}/v1/webhooks/{row.id}/invoke'))
