# SPDX-License-Identifier: Apache-2.0
"""Parsers of texts from outside, as functions of bytes for fuzzers.

A parser either returns, or raises one of the errors that its callers expect;
anything else is a finding.
"""

import argparse
from collections.abc import Callable
import dataclasses
import datetime
import gzip
import io
import socket
import typing
import zipfile
import zlib

from qinling.api import body as body_module
from qinling.api import types
from qinling.client import units
from qinling.core.execution import flow_keys
from qinling.core.execution import inputs
from qinling.core.execution import statistics
from qinling.core.function import flow_control
from qinling.core.json_schema import compiler
from qinling.core.json_schema import evaluation
from qinling.core.trigger import content_codings
from qinling.core.trigger import multipart_form
from qinling.core.trigger import payloads
from qinling.core.trigger import plans
from qinling.core.trigger import schedule
from qinling.core.trigger import signatures
from qinling.core.trigger import texts
from qinling.db import filtering
from qinling.db import models
from qinling.engine.workers import agent_http as worker_http
from qinling.engine.workers import agent_stream
from qinling import exception
from qinling.runtimes import agent_archive
from qinling.runtimes import agent_http
from qinling.runtimes import agent_outcome
from qinling.sources import npm_files
from qinling.sources import pip_files
from qinling import strict_json
from qinling.web import connection
from qinling.web import request

_NOW = datetime.datetime(2030, 1, 1)
MAX_BYTES = 1 << 20
SECRET = 'secret-secret-secret-secret-secret'


@dataclasses.dataclass(frozen=True)
class Target:
    """A parser.

    :ivar seeds: valid inputs, from which a fuzzer derives others.
    :ivar errors: errors that callers expect.
    """

    parse: Callable[[bytes], typing.Any]
    seeds: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = ()

    def run(self, data: bytes) -> None:
        """Parse data; raise only unexpected errors."""
        try:
            self.parse(data)
        except self.errors:
            return


def _archive(data: bytes) -> None:
    agent_archive.Archive(io.BytesIO(data), agent_archive.Limits(
        1000, MAX_BYTES, None)).check_content()


def _delivery(data: bytes) -> None:
    head, _, body = data.partition(b'\n')
    kind, _, query = head.decode('latin-1').partition('?')
    delivery = payloads.Delivery(
        'POST', {'content-type': kind}, query, lambda: body)
    for payload in payloads.PAYLOADS.values():
        inputs.normalise(payload(delivery))


def _signature(data: bytes) -> None:
    lines = data.decode('latin-1').split('\n')
    form = lines[0]
    if form in signatures.FORMS:
        headers = dict(line.split(':', 1) for line in lines[1:]
                       if ':' in line)
        signatures.verify(form, [SECRET], signatures.Message(
            headers, data, 'https://host/path'), 300)


def _agent_answer(data: bytes, read: Callable[..., typing.Any] =
                  worker_http.read_answer) -> None:
    """Read the answer of a worker, as the engine does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        theirs.sendall(data[:MAX_BYTES // 16])
        theirs.close()
        read(ours, 5, MAX_BYTES)


def _agent_stream(data: bytes) -> None:
    _agent_answer(data, agent_stream.create_reader(lambda _part: None))


def _coding(data: bytes) -> None:
    for coding in ('gzip', 'deflate'):
        _try(content_codings.decode, data, coding, MAX_BYTES)


def _schema(data: bytes) -> None:
    """Compile a schema, and check a value."""
    first, _, second = data.partition(b'\n')
    compiler.compile_document(strict_json.loads(first)).validate(
        strict_json.loads(second))


def _flow(data: bytes) -> None:
    """Read the settings of a flow control, and the key of an input."""
    first, _, second = data.partition(b'\n')
    settings = flow_control.parse(strict_json.loads(first)) or {}
    value = strict_json.loads(second)
    for name, read in (('key', flow_keys.format_key),
                       ('priority', flow_keys.parse_priority)):
        path = settings.get(name, '')
        if path.startswith('$'):
            read(flow_keys.follow_path(
                value, flow_control.split_path(path) or []))


def _agent_request(data: bytes) -> None:
    """Read requests of an engine, as the agent does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = agent_http.Server(
            theirs, SECRET, {(b'POST', b'/x'): bytes}, 10000)
        theirs.sendall(data[:MAX_BYTES // 16])
        theirs.shutdown(socket.SHUT_WR)
        agent_http.Connection(server, ours).run()


def _http(data: bytes) -> None:
    """Read requests of a client, as the web server does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = connection.Connection(ours, ('127.0.0.1', 1))
        for start in range(0, len(data), 100):
            client.feed(data[start:start + 100])
        for received in client.requests:
            if received.is_complete:
                received.create_environ()


def _times(data: bytes) -> None:
    """Read a range of times and a zone, as lists, figures and jobs do."""
    first, _, rest = data.decode('latin-1').partition('\n')
    second, _, zone = rest.partition('\n')
    for text in (first, second):
        _try(filtering.parse, models.Job, 'created_at', text)
        _try(units.parse_moment, text)
    since, until = _try(types.parse_time, first), _try(
        types.parse_time, second)
    if since is not None and until is not None:
        _try(statistics._whole_hours, statistics.Query(since, until))
        _try(statistics._whole_hours, statistics.Query(None, since))
        _try(schedule.first_fire_time,
             plans.Plan('job', '59 23 * * *', zone), since)


def _try(parse: Callable[..., typing.Any], *arguments: typing.Any
         ) -> typing.Any:
    try:
        return parse(*arguments)
    except (exception.Invalid, argparse.ArgumentTypeError):
        return None


def _multipart(data: bytes) -> None:
    multipart_form.parse(data, 'multipart/form-data; boundary=B')


def _archive_seed() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('main.py', 'def main(): pass\n' * 9)
        archive.writestr('a/b.txt', 'x')
        archive.writestr('a/', '')
    return stream.getvalue()


TARGETS: dict[str, Target] = {
    'archive': Target(_archive, (_archive_seed(),),
                      (agent_archive.BadArchive,)),
    'json': Target(strict_json.loads, (
        b'{"a": [1, -2.5e3, true, null, "\\u00e9\\ud83d\\ude00"]}',
        b'[[[[]]]]', b'12345678901234567890'), (ValueError,)),
    'body': Target(body_module.parse_object, (b'{"a": {"b": "c"}}',),
                   (exception.Invalid,)),
    'multipart': Target(_multipart, (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n'
        b'Content-Type: text/plain; charset=latin-1\r\n\r\n\xe9\r\n--B--\r\n',
    )),
    'form': Target(texts.parse_urlencoded, (b'a=1&b=%C3%A9+c&d&=e',),
                   (exception.Invalid,)),
    'delivery': Target(_delivery, (
        b'application/json; charset=utf-16?a=1\n{"b": 2}',
        b'application/x-www-form-urlencoded?\na=%ff&b=\xe9',
        b'multipart/form-data; boundary=B?\n--B--'), (exception.Invalid,)),
    'coding': Target(_coding, (
        gzip.compress(b'a') + gzip.compress(b''), zlib.compress(b'a' * 99)),
        (exception.TooLarge,)),
    'schema': Target(_schema, (
        b'{"$defs": {"a": {"type": ["string", "null"], "pattern": "^a+$"}}, '
        b'"properties": {"b": {"$ref": "#/$defs/a"}}, "required": ["b"], '
        b'"unevaluatedProperties": false}\n{"b": "aa", "c": [1.5]}',
        b'{"items": {"oneOf": [{"multipleOf": 0.1}, {"enum": [1, "x"]}]}, '
        b'"uniqueItems": true, "contains": {"const": 1}}\n[1, 0.3, "x"]',
        b'{"if": {"format": "date-time"}, "then": {"maxLength": 3}}\n"1"'),
        (ValueError, evaluation.TooExpensive)),
    'flow': Target(_flow, (
        b'{"key": "$.a[0][\'b\']", "concurrency": 1, "priority": "$.p"}\n'
        b'{"a": [{"b": 1e400}], "p": "12"}',
        b'{"key": "header:X-A", "rate": {"limit": 1, "period": 60}}\n1',
        b'{"key": "routing_key", "debounce": {"period": 5}}\n[]'),
        (ValueError, exception.Invalid)),
    'cron': Target(lambda data: schedule.first_fire_time(plans.Plan(
        'job', data.decode('latin-1')[:255], 'Europe/Berlin'), _NOW), (
            b'*/5 0-23/2 1,15 jan-DEC MON-SUN', b'@daily',
            b'0 12 * * SAT-SUN', b'0 22-2 15W,L * FRI#3',
            b'every 15 minutes'), (exception.Invalid,)),
    'datetime': Target(lambda data: schedule.parse_datetime(
        data.decode('latin-1'), _NOW), (
            b'2031-01-31T12:00:00+01:00', b'1 Feb 2032 noon'),
        (exception.Invalid,)),
    'times': Target(_times, (
        b'2026-01-31T12:00:00\n2026-02-01\nEurope/Berlin',
        b'gt:2026-W05-6T12:00:00,5+23:59\nin:20260131,0001-01-01\nUTC',
        b'9998-12-31T23:59:59-23:59\n0002-01-01T00:00:00+23:59\n'
        b'America/Lima', b'999999d\n1h30m\nright/UTC')),
    'signature': Target(_signature, (
        b'github\nx-hub-signature-256:sha256=00', b'stripe\nstripe-signature'
        b':t=1,v1=00', b'slack\nx-slack-request-timestamp:1',
        b'standard\nwebhook-id:1\nwebhook-timestamp:1',
        b'twilio\nx-twilio-signature:AA==\ncontent-type:'
        b'application/x-www-form-urlencoded\na=1&b=%C3%A9',
        b'shopify\nx-shopify-hmac-sha256:AA==', b'gitlab\nx-gitlab-token:a'),
        (exception.SignatureRefused,)),
    'agent_answer': Target(_agent_answer, (
        b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"status": 1}',),
        (OSError, ValueError, RecursionError)),
    'agent_stream': Target(_agent_stream, (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
        b'f\r\n{"chunk": "a"}\n\r\n16\r\n{"status": "success"}\n\r\n'
        b'0\r\n\r\n',), (OSError, ValueError, RecursionError)),
    'agent_request': Target(_agent_request, (
        f'POST /x HTTP/1.1\r\nX-Qinling-Secret: {SECRET}\r\n'
        'Content-Length: 2\r\n\r\n{}'.encode(),), (OSError,)),
    'agent_frame': Target(
        lambda data: agent_outcome.parse_result(data, 'x', 1 << 20, 1 << 20), (
            b'{"execution_id": "x", "status": "success", "output": 1}',)),
    'http': Target(_http, (
        b'POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n'
        b'Cookie: a\r\n\r\n{}GET / HTTP/1.0\r\n\r\n',
        b'PUT http://h/%C3%A9 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: '
        b'chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nT: x\r\n\r\n'),
        (request.HTTPError,)),
    'requirements': Target(
        lambda data: pip_files.read({'requirements.txt': data}), (
            b'six==1.17.0 --hash=sha256:00 # why\nrequests[security]>=2; '
            b'python_version > "3" \\\n', '\ufeffsix'.encode('utf-16')),
        (exception.Invalid,)),
    'lock': Target(
        lambda data: npm_files.read({
            'package.json': b'{"dependencies": {"a": "1"}}',
            'package-lock.json': data}), (
            b'{"lockfileVersion": 3, "packages": {"": {}, "node_modules/a": '
            b'{"version": "1.0.0", "resolved": "https://registry.npmjs.org/'
            b'a/-/a-1.0.0.tgz"}}}',), (exception.Invalid,)),
    'package_json': Target(
        lambda data: npm_files.read({
            'package.json': data, 'package-lock.json': b'{}'}), (
            b'{"dependencies": {"a": "^1.0.0", "b": "npm:c@2"}, '
            b'"overrides": {"a": {"b": "1"}}}',), (exception.Invalid,)),
}
