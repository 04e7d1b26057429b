# SPDX-License-Identifier: Apache-2.0
"""Webhooks: ``/v1/webhooks``."""

import datetime
import typing

import webob
import wsme

from qinling.api import etag
from qinling.api import hooks
from qinling.api import limit_headers
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.api import webhook_cors
from qinling.api import webhook_http
from qinling.api import webhook_streams
from qinling.core.execution import output_stream
from qinling.core import services as services_module
from qinling.core.trigger import methods
from qinling.core.trigger import previews

LIST_PATH = '/v1/webhooks'
ITEM_PATH = LIST_PATH + '/{id}'
SORTABLE = ('created_at', 'updated_at', 'id')


class Change(types.Resource):
    """Changeable attributes of a webhook, and the read-only ones."""

    function_id = types.Uuid()
    function_version = types.Version()
    function_alias = types.Text
    description = types.Text
    sync = bool
    payload = types.Text
    methods = [types.Text]
    origins = [types.Text]
    previews = bool
    keep_deliveries = bool
    stream = types.Text
    preview_urls = wsme.wsattr([types.Text], readonly=True)
    previous_until = wsme.wsattr(datetime.datetime, readonly=True)
    refused = wsme.wsattr(int, readonly=True)
    webhook_url = wsme.wsattr(types.Text, readonly=True)


class Webhook(Change):
    """URL that runs a function; ``refused`` counts rejected deliveries.

    Only the answers that create or rotate a ``secret`` contain the secret.
    """

    signature = types.Text
    secret = types.Text


class Webhooks(listing.Collection):
    """List of webhooks."""

    webhooks = [Webhook]


class Secret(types.Type):
    """New secret; ``overlap`` is in seconds."""

    signature = types.Text
    secret = types.Text
    overlap = types.Integer()


class Controller:
    """Operations on webhooks."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.webhooks
        self._deliveries = services.deliveries
        self._endpoint = services.conf.qinling_endpoint
        self._options = services.conf.webhooks

    @route('POST', LIST_PATH, policy='webhook:create', result=Webhook,
           status=201, body=Webhook)
    def create(self, req: pecan_patches.Request, body: Webhook
               ) -> types.View:
        return self._view(req, *self._core.create(
            req.ctx, types.get_fields(body)))

    @route('GET', LIST_PATH, policy='webhook:get_all', result=Webhooks,
           query=listing.OWNED)
    def get_all(self, req: pecan_patches.Request, **query: typing.Any
                ) -> types.View:
        ctx, filters, page = listing.parse_query(
            req, 'webhook', SORTABLE, query)
        views = [self._view(req, row)
                 for row in self._core.list(ctx, filters, page)]
        return listing.create_list(req, 'webhooks', views, page)

    @route('GET', ITEM_PATH, policy='webhook:get', result=Webhook,
           query=types.FIELDS)
    def get(self, req: pecan_patches.Request, id: str) -> types.View:
        return self._view(req, self._core.get(req.ctx, id))

    @route('PUT', ITEM_PATH, policy='webhook:update', result=Webhook,
           body=Change, if_match=True)
    def update(self, req: pecan_patches.Request, id: str, body: Change
               ) -> types.View:
        return self._view(req, self._core.update(
            req.ctx, id, types.get_fields(body), etag.parse_if_match(req)))

    @route('DELETE', ITEM_PATH, policy='webhook:delete', status=204,
           if_match=True)
    def delete(self, req: pecan_patches.Request, id: str) -> None:
        self._core.delete(req.ctx, id, etag.parse_if_match(req))

    @route('POST', ITEM_PATH + '/secret', policy='webhook:update',
           result=Webhook, body=Secret, optional_body=True, if_match=True)
    def rotate_secret(self, req: pecan_patches.Request, id: str,
                      body: Secret) -> types.View:
        return self._view(req, *self._core.rotate_secret(
            req.ctx, id, types.get_fields(body), etag.parse_if_match(req)))

    @route('DELETE', ITEM_PATH + '/secret', policy='webhook:update',
           status=204, if_match=True)
    def clear_secret(self, req: pecan_patches.Request, id: str) -> None:
        self._core.clear_secret(req.ctx, id, etag.parse_if_match(req))

    @route('POST', ITEM_PATH + '/invoke', policy='webhook:invoke',
           status=202, other_methods=webhook_http.OTHER_METHODS, public=True,
           raw=True, any_id=True, has_suffix=True)
    def invoke(self, req: pecan_patches.Request, id: str) -> webob.Response:
        return self._deliver(req, id)

    @route('POST', ITEM_PATH + '/versions/{version}/invoke',
           policy='webhook:invoke', status=202,
           other_methods=webhook_http.OTHER_METHODS, public=True, raw=True,
           any_id=True, has_suffix=True)
    def invoke_version(self, req: pecan_patches.Request, id: str,
                       version: int) -> webob.Response:
        return self._deliver(req, id, previews.Preview(version=version))

    @route('POST', ITEM_PATH + '/aliases/{name}/invoke',
           policy='webhook:invoke', status=202,
           other_methods=webhook_http.OTHER_METHODS, public=True, raw=True,
           any_id=True, has_suffix=True)
    def invoke_alias(self, req: pecan_patches.Request, id: str, name: str
                     ) -> webob.Response:
        return self._deliver(req, id, previews.Preview(alias=name))

    def _deliver(self, req: pecan_patches.Request, id: str,
                 preview: previews.Preview | None = None) -> webob.Response:
        webhook = self._deliveries.get_webhook(id, preview)
        if req.method == 'OPTIONS':
            return webhook_cors.answer_preflight(webhook, req)
        try:
            response = self._run(req, webhook, preview)
        except Exception as e:
            # Pages can read the errors, too.
            response = hooks.create_response(e, req.environ)
        webhook_cors.add_headers(webhook, req, response)
        return response

    def _run(self, req: pecan_patches.Request, webhook: typing.Any,
             preview: previews.Preview | None) -> webob.Response:
        if req.method == 'HEAD':
            return webhook_http.create_head_response()
        delivery = webhook_http.create_delivery(
            req, self._options.max_body_size,
            self._options.passed_credentials, self._endpoint)
        challenge = self._deliveries.answer_challenge(webhook, delivery)
        if challenge is not None:
            return webhook_http.create_challenge_response(challenge)
        execution, repeated = self._deliveries.accept(
            webhook, delivery, req.ctx, preview)
        response = (webhook_streams.create_response(req, execution, repeated)
                    if isinstance(execution, output_stream.OutputStream)
                    else webhook_http.create_response(execution, repeated))
        self._deliveries.record_answer(delivery, response.status_int)
        if delivery.usage is not None:
            response.headers.update(limit_headers.create(
                **vars(delivery.usage)))
        return response

    def _view(self, req: pecan_patches.Request, row: typing.Any,
              secret: typing.Any = wsme.Unset) -> types.View:
        """Return a webhook for users, with the URL.

        :param secret: plain text of the secret, hidden by default.
        """
        url = (self._endpoint or req.application_url).rstrip('/')
        url = f'{url}/v1/webhooks/{row.id}'
        return types.View(
            row, secret=secret, methods=row.methods or list(methods.DEFAULT),
            origins=row.origins or [], webhook_url=f'{url}/invoke',
            preview_urls=[
                f'{url}/versions/{{version}}/invoke',
                f'{url}/aliases/{{name}}/invoke'] if row.previews else [])
