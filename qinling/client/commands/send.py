# SPDX-License-Identifier: Apache-2.0
"""Command that sends a file to a webhook as any sender would."""

from __future__ import annotations

import argparse
import mimetypes
import os
import shlex
import urllib.parse

from qinling.client.commands import base
from qinling.client.commands import deliveries
from qinling.client.commands import failures
from qinling.client.commands import options
from qinling.client.commands import webhooks
from qinling.client import exceptions
from qinling.client import raw_http
from qinling.client import signatures
from qinling.client.v1 import webhooks as api


class Send(webhooks.Webhook, base.Show):
    """Send a file to a webhook, or to a URL, byte for byte."""

    columns: base.Columns = ('status_code',)
    detail_columns: base.Columns = ('execution_id', 'output')
    arguments = (
        options.Argument('webhook', metavar='WEBHOOK',
                         help='Id or description of the webhook, or a URL '
                              'such as http://127.0.0.1:8000/hook.'),
        options.Argument('file', metavar='FILE',
                         help='Body of the request; - reads standard input.'),
        options.Argument(
            '--sign', metavar='PRESET', nargs='?', const='',
            help='Sign in this form, by default in that of the webhook: '
                 f'{", ".join(signatures.FORMS)}.'),
        options.Argument('--secret', help=(
            f'Secret to sign with, or the variable '
            f'{deliveries.SECRET_VARIABLE}. @FILE reads a file, - reads '
            'standard input.')),
        options.Argument('--method', default='POST', metavar='METHOD',
                         help='HTTP method, by default POST.'),
        options.Argument('--content-type', metavar='TYPE',
                         help='By default as the name of the file says.'),
        options.Argument('--header', dest='headers', action='append',
                         default=[], metavar='NAME:VALUE',
                         help='Header to send; can be repeated.'),
        options.Argument('--path', default='', metavar='PATH',
                         help='What follows the URL, such as /a/b.'))

    def fetch(self, args: argparse.Namespace) -> base.Row:
        is_url = '://' in args.webhook
        if is_url:
            raw_http.check_url(args.webhook)
        row = {} if is_url else self.resources.get(
            self.resolve(args.webhook))
        path = '/' + args.path.lstrip('/') if args.path else ''
        request = signatures.Request(
            options.read_bytes(args.file if args.file == '-'
                               else f'@{args.file}'),
            (args.webhook if is_url else row['webhook_url']) + path,
            args.content_type or _guess_type(args.file))
        request = self.sign(request, row, args)
        headers = {'Content-Type': request.content_type, **request.headers,
                   **dict(_parse_header(text) for text in args.headers)}
        if is_url:
            answer = raw_http.send(args.method, request.url, headers.items(),
                                   request.body)
            return {'status_code': answer.status,
                    'output': answer.body.decode('utf-8', 'replace')}
        result = failures.deliver(self, row['id'], api.Delivery(
            request.body, headers, ('invoke', *path.split('/')[1:]),
            args.method, urllib.parse.urlsplit(request.url).query))
        result.pop('content', None)
        self.next_step = 'webhook delivery list ' + shlex.quote(args.webhook)
        return result

    def sign(self, request: signatures.Request, row: base.Row,
             args: argparse.Namespace) -> signatures.Request:
        """Return the request with a signature, if the options want one."""
        if args.sign is None and not args.secret:
            return request
        form = args.sign or row.get('signature')
        if not form:
            raise exceptions.ClientError(
                'Say in which form to sign: --sign with one of '
                f'{", ".join(signatures.FORMS)}.')
        secret = webhooks.read_secret(args) or os.environ.get(
            deliveries.SECRET_VARIABLE)
        if not secret:
            raise exceptions.ClientError(
                'A signature needs the secret of the webhook: --secret '
                f'@FILE, or the variable {deliveries.SECRET_VARIABLE}.')
        return signatures.sign(form, secret, request)


def _guess_type(name: str) -> str:
    return (mimetypes.guess_type(name)[0]
            or ('application/json' if name == '-'
                else 'application/octet-stream'))


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(':')
    if not colon or not name.strip():
        raise exceptions.ClientError(
            f'Invalid header: {text}; write NAME:VALUE.')
    return name.strip(), value.strip()
