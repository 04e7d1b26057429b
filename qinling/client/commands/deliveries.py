# SPDX-License-Identifier: Apache-2.0
"""Command that delivers to a webhook, like any client with its URL."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import urllib.parse

from qinling.client.commands import base
from qinling.client.commands import content
from qinling.client.commands import failures
from qinling.client.commands import options
from qinling.client.commands import webhooks
from qinling.client import exact_json
from qinling.client import exceptions
from qinling.client import signatures
from qinling.client.v1 import webhooks as api

SECRET_VARIABLE = 'QINLING_WEBHOOK_SECRET'


class Invoke(webhooks.Webhook, base.Addressed, base.Show):
    """Run the function of a webhook, like any client with the URL."""

    columns: base.Columns = ('execution_id', 'status_code')
    detail_columns: base.Columns = ('output',)
    arguments = (
        options.add_input(),
        options.Argument(
            '--content-type', metavar='TYPE',
            help='Type of the input, such as image/png: sends the input '
                 'unchanged, and not as a JSON object.'),
        options.Argument(
            '--sign', action='store_true',
            help='Sign in the form of the webhook, with the secret in '
                 f'--secret or in the variable {SECRET_VARIABLE}.'),
        options.Argument(
            '--secret', help='Secret of the webhook, implies --sign. @FILE '
                             'reads a file, - reads standard input.'),
        options.Exclusive(
            options.Argument('--function-version', type=int, metavar='N',
                             help='Run this version, if the webhook has '
                                  'previews.'),
            options.Argument('--alias', metavar='NAME',
                             help='Run the target of this alias of the '
                                  'function, if the webhook has previews.')),
        content.OUTPUT, options.MEMBERS,
        options.add_wait('until the execution has ended'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        id, = self.locate(args)
        body = _read_body(args)
        request = signatures.Request(
            body, content_type=args.content_type or 'application/json')
        if args.sign or args.secret:
            request = self.sign(id, request, args)
        row = failures.deliver(self, id, api.Delivery(
            request.body, {'Content-Type': request.content_type,
                           **request.headers},
            (*_build_preview(args), 'invoke'),
            query=urllib.parse.urlsplit(request.url).query))
        data = row.pop('content', None)
        if args.output and data is not None:
            content.write(self, args.output, data)
            row.pop('output')
        if args.wait:
            execution = self.client.executions.wait(row['execution_id'])
            if execution['status'] != 'success':
                self.failure = (f'Execution {execution["id"]} ended with '
                                f'status {execution["status"]}.\n'
                                f'{failures.explain(self, execution)}')
        else:
            self.next_step = ('function execution show '
                              f'{row["execution_id"]}')
        return row

    def sign(self, id: str | int, request: signatures.Request,
             args: argparse.Namespace) -> signatures.Request:
        """Return the request with a signature."""
        webhook = self.resources.get(id)
        form = webhook.get('signature')
        if not form:
            raise exceptions.ClientError(
                f'Webhook {args.webhook} accepts unsigned deliveries only; '
                'omit --sign, or set a secret: ' + self.describe_command(
                    'webhook secret rotate', shlex.quote(args.webhook),
                    '--signature',
                    'github'))
        secret = webhooks.read_secret(args) or os.environ.get(SECRET_VARIABLE)
        if not secret:
            raise exceptions.ClientError(
                'A signature needs the secret of the webhook: --secret '
                f'@FILE, or the variable {SECRET_VARIABLE}.')
        url = webhook['webhook_url'].removesuffix('invoke') + '/'.join(
            map(str, (*_build_preview(args), 'invoke')))
        return signatures.sign(form, secret, dataclasses.replace(
            request, url=url))


def _build_preview(args: argparse.Namespace) -> tuple[str | int, ...]:
    """Return the words of the URL that select a version or an alias."""
    if args.alias:
        return 'aliases', args.alias
    if args.function_version is not None:
        return 'versions', args.function_version
    return ()


def _read_body(args: argparse.Namespace) -> bytes:
    """Return the body to send, the JSON object unless the type is set."""
    if args.content_type:
        if args.arguments:
            raise exceptions.ClientError(
                'Use either --content-type or arguments, not both.')
        return options.read_bytes(args.input)
    value = options.read_input(args)
    if isinstance(value, str):
        try:
            value = exact_json.loads(value)
        except ValueError:
            raise exceptions.ClientError(
                'The input is not valid JSON; --content-type sends any '
                'input.')
    if not isinstance(value, dict):
        raise exceptions.ClientError(
            'The input of a webhook must be a JSON object.')
    return api.encode_input(value)
