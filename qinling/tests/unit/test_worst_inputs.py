# SPDX-License-Identifier: Apache-2.0
"""Bounds of time and memory for the worst texts of users.

A pattern or parser whose time grows with the square of a text blocks the whole
process.  Each case runs in a process of its own with a limit of processor
time, which a linear case needs a small part of.
"""

import ast
import base64
import datetime
import encodings
import gzip
import importlib
import io
import itertools
import json
import os
import pathlib
import resource
import traceback
import tracemalloc
import types

from oslotest import base

from qinling.api import etag
from qinling.api import request_middleware
from qinling.api import short_path
from qinling.api import webhook_cors
from qinling.api import webhook_http
from qinling.client.commands import failures
from qinling.client import http
from qinling.client import units
from qinling.client.v1 import base as client_base
from qinling.core.function import environment
from qinling.core.function import routing
from qinling.core.function import tools
from qinling.core.trigger import content_codings
from qinling.core.trigger import origins
from qinling.core.trigger import patterns
from qinling.core.trigger import payloads
from qinling.core.trigger import schedule
from qinling.core.trigger import signatures
from qinling.core.trigger import texts
from qinling.engine.workers import package_installer
from qinling import exception
from qinling import fields
from qinling.orchestrators.process import cgroups
from qinling.runtimes import agent_archive
from qinling.runtimes import agent_paths
from qinling.sources import image
from qinling.sources import npm_files
from qinling.sources import package
from qinling.sources import pip_files
from qinling.sources import wheels
from qinling.tests import fixtures
from qinling.tests.unit.runtimes import zip_forms
from qinling.tests.unit.sources import test_package

TOP = pathlib.Path(__file__).parents[3]
LENGTH = 100000
#: Quadratic time would take minutes; a busy machine is several times slower.
CPU_SECONDS = 30
MIB = 1 << 20
NOW = datetime.datetime(2030, 1, 1)

#: Texts that make most patterns backtrack.
TEXTS = [start + piece * (LENGTH // len(piece)) + end
         for piece in ('a', ' ', '-', '.', '/', '<', '//', '#', '\\', '0', '@',
                       'a-', 'a.', '[', '(', '"', "'", ',', ';', '=', 'a=',
                       '; a="', '\t', '\n', '\\\n', '--hash=sha256:0 ', '%',
                       '{"a":', '[[', '*/', '1,', 'a b', 'req-', 'sha256:',
                       'coding:', '<a', '://', '\r\n', '--', 'é', '_', '0-',
                       'A', 'a/', '../', './', 'v1=', 't=')
         for start, end in (('', ''), ('a', '!'), (' ', 'x'), ('"', '"'))]


def headers(text):
    return {name: text for name in (
        'content-type', 'x-hub-signature-256', 'stripe-signature',
        'x-slack-signature', 'x-slack-request-timestamp', 'webhook-id',
        'webhook-timestamp', 'webhook-signature', 'idempotency-key',
        'x-gitlab-token', 'x-shopify-hmac-sha256', 'x-twilio-signature')}


def deliver(text, kind):
    delivery = payloads.Delivery(
        'POST', headers(text) | {'content-type': kind}, text[:LENGTH],
        lambda: text.encode())
    for form in (None, *signatures.FORMS):
        payloads.sender_id(form, delivery)
    return [payload(delivery) for payload in payloads.PAYLOADS.values()]


def verify(text):
    for form, kind in itertools.product(signatures.FORMS, (
            'application/x-www-form-urlencoded', 'multipart/form-data',
            'application/json')):
        try:
            signatures.verify(form, ['x' * 32, base64.b64encode(
                b'x' * 32).decode()], signatures.Message(
                    headers(text) | {'content-type': kind}, text.encode(),
                    f'https://h/{text}'), 300)
        except exception.SignatureRefused:
            pass


def answer(text):
    def refuse():
        raise ValueError
    return http._create_error(types.SimpleNamespace(
        json=refuse, text=text, reason='', status_code=502))


#: Name -> function of a text.
PARSERS = {
    'requirements': lambda text: pip_files.read({'': text.encode()}),
    'package.json': lambda text: npm_files.read({
        'package.json': json.dumps({
            'dependencies': {text: text, 'a': text, 'b': f'npm:{text}'},
            'overrides': {'a': {'b': text}}}).encode(),
        'package-lock.json': b'{}'}),
    'overrides': lambda text: npm_files.read({
        'package.json': json.dumps(
            {'overrides': {'a': f'${text}'}}).encode(),
        'package-lock.json': b'{}'}),
    'lock': lambda text: npm_files.read({
        'package.json': b'{}', 'package-lock.json': json.dumps({
            'lockfileVersion': 3, 'packages': {
                f'node_modules/{text}': {'version': text,
                                         'resolved': text}}}).encode()}),
    'paths': agent_paths.normalize,
    'image': lambda text: image.Driver().create({'image': text}, None),
    'long image': lambda text: image._REFERENCE.fullmatch(text[:2000]),
    'query': lambda text: deliver(text, 'text/plain'),
    'form': lambda text: deliver(text, payloads.FORM),
    'json': lambda text: deliver(text, 'application/json'),
    'content type': lambda text: deliver(text, f'multipart/form-data{text}'),
    'parameters': lambda text: deliver(
        text, f'multipart/form-data; boundary={text}'),
    'parts': lambda text: deliver(text, 'multipart/form-data; boundary=a'),
    'part': lambda text: deliver(
        f'--a\r\nContent-Disposition: form-data; name="{text}\r\n'
        f'{text}: x\r\n\r\n{text}\r\n--a--\r\n',
        'multipart/form-data; boundary=a'),
    'signatures': verify,
    'secret': lambda text: signatures.check_secret('standard', text),
    'datetime': lambda text: schedule.parse_datetime(text, NOW),
    'pattern': lambda text: patterns.next_fire_time(text, None, NOW),
    'fields': lambda text: patterns.next_fire_time(
        f'{text} * * * *'.replace('\n', ' '), None, NOW),
    'seconds': lambda text: patterns.next_fire_time(
        f'* * * * * {text}'.replace('\n', ' '), None, NOW),
    'alias': fields.ALIAS_NAME.fullmatch, 'tool': tools.NAME.fullmatch,
    'origin': origins._ORIGIN.fullmatch,
    'long origin': lambda text: origins._ORIGIN.fullmatch(f'https://{text}'),
    'names of headers': webhook_cors._HEADER_NAMES.fullmatch,
    'version': routing._is_version_number,
    'variable': environment.NAME.fullmatch,
    'etag': lambda text: etag.parse_if_match(types.SimpleNamespace(
        headers={'If-Match': text})),
    'ids': lambda text: [pattern.fullmatch(text) for pattern in (
        request_middleware._GLOBAL_ID, request_middleware._TRACEPARENT)],
    'headers': lambda text: [pattern.fullmatch(text) for pattern in (
        webhook_http._HEADER_NAME, webhook_http._HEADER_VALUE)],
    'path': lambda text: short_path._DELIVERY.fullmatch(
        f'/v1/webhooks/{text}'),
    'error page': answer,
    'wheel': wheels.parse_path,
    'client': lambda text: [pattern.fullmatch(text) for pattern in (
        units._SIZE, units._DURATION, client_base.UUID)]
    + [failures.BUILD.search(text)],
    'log of a build': package_installer.scrub,
    'cgroup': cgroups.WORKER_NAME.fullmatch,
}
#: Modules whose patterns no text of a user reaches, or which are covered by
#: their functions above.
KNOWN = {
    'orchestrators/process/languages.py', 'orchestrators/process/cgroups.py',
    'engine/workers/package_installer.py', 'api/request_middleware.py',
    'api/short_path.py', 'api/webhook_cors.py', 'api/webhook_http.py',
    'api/etag.py', 'api/ui/assets.py',
    'api/types.py', 'printable.py',
    'api/identity/login_throttle.py', 'api/identity/password_file.py',
    'sources/image.py', 'sources/javascript_syntax.py',
    'sources/pip_files.py', 'sources/npm_files.py', 'sources/wheels.py',
    'client/http.py', 'client/units.py', 'client/manifest/export.py',
    'client/commands/failures.py', 'client/commands/replays.py',
    'client/v1/base.py',
    'core/trigger/signatures.py',
    'core/trigger/zones.py', 'core/trigger/patterns.py',
    'core/trigger/origins.py',
    'core/trigger/multipart_form.py',
    'fields.py', 'core/function/environment.py',
    'core/function/flow_control.py',
    'core/function/routing.py', 'core/function/tags.py',
    'core/function/tools.py', 'db/first_connection.py'}


def run_bounded(action, seconds=CPU_SECONDS):
    """Run an action in a process with a limit of processor time.

    :returns: the wait status, 0 for success.
    """
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        action()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


class TestTime(base.BaseTestCase):
    """Processor time of parsers."""

    def check(self, name):
        def parse_all():
            for text in TEXTS:
                try:
                    PARSERS[name](text)
                except (exception.Invalid, agent_paths.BadArchive,
                        *schedule._BAD_PATTERN):
                    pass
        self.assertEqual(0, run_bounded(parse_all), name)

    def test_parsers(self):
        for name in PARSERS:
            with self.subTest(name):
                self.check(name)

    def test_the_limit_is_in_force(self):
        def loop():
            while True:
                pass
        self.assertNotEqual(0, run_bounded(loop, 1))

    def test_many_requirements(self):
        for line in ('a\n', '\n', '#\n', 'a>=1;python_version<"3"\n', ' \\\n',
                     'a \\\n', 'a --hash=sha256:00\n', '-\n'):
            data = (line * MIB)[:MIB].encode()

            def read(data=data):
                try:
                    pip_files.read({'': data})
                except exception.Invalid:
                    pass
            self.assertEqual(0, run_bounded(read), line)

    def test_nested_forms(self):
        data = b''.join(
            b'--a%d\r\nContent-Type: multipart/mixed; boundary=a%d\r\n\r\n'
            % (number, number + 1) for number in range(2000))
        self.assertEqual(0, run_bounded(lambda: deliver(
            data.decode(), 'multipart/form-data; boundary=a0')))

    def test_many_compressed_members(self):
        data = gzip.compress(b'') * (10 * MIB // 20)
        self.assertEqual(0, run_bounded(
            lambda: content_codings.decode(data, 'gzip', MIB)))

    def test_names_of_encodings_are_not_cached(self):
        size = len(encodings._cache)
        for number in range(10):
            texts.charset(f'text/plain; charset=unknown{number}')
            self.assertRaises(exception.Invalid, pip_files.decode,
                              f'# coding: unknown{number}'.encode())
        self.assertEqual(size, len(encodings._cache))

    def test_every_module_with_patterns_is_known(self):
        modules = set()
        for path in (TOP / 'qinling').rglob('*.py'):
            name = path.relative_to(TOP / 'qinling').as_posix()
            if not name.startswith('tests/') and any(
                    isinstance(node, ast.Import) and any(
                        alias.name == 're' for alias in node.names)
                    for node in ast.walk(ast.parse(path.read_text('utf-8')))):
                modules.add(name)
        self.assertEqual(set(), modules - KNOWN)
        for name in KNOWN:
            importlib.import_module(
                'qinling.' + name[:-3].replace('/', '.'))


class CountingFile(io.BytesIO):
    """File that counts the bytes read."""

    count = 0

    def read(self, size=-1):
        data = super().read(size)
        self.count += len(data)
        return data


class TestMemory(base.BaseTestCase):
    """Memory of the API during the check of a package."""

    def setUp(self):
        super().setUp()
        conf = self.useFixture(fixtures.Conf()).conf
        self.driver = package.Driver(conf, test_package.Storage())

    def peak(self, data):
        """Return the peak of allocated memory, and the bytes read."""
        file = CountingFile(data)
        tracemalloc.start()
        try:
            self.driver._check(file)
        except (exception.Invalid, exception.TooLarge):
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak, file.count

    def test_bombs(self):
        content = b'\0' * (120 * MIB)
        for method in (0, 8, 9, 12, 14, 93, 99):
            for lies in ({}, {'size': 1000}, {'size': 1000, 'compressed': 0}):
                entry = zip_forms.Entry(
                    b'requirements.txt', content if method == 8 else b'x',
                    local=dict(lies, method=method),
                    central=dict(lies, method=method))
                peak, _count = self.peak(zip_forms.build([entry]))
                self.assertLess(peak, 4 * MIB, (method, lies))

    def test_large_files(self):
        noise = os.urandom(MIB)
        entries = [zip_forms.Entry(b'%d' % number, noise + b'\0' * 20 * MIB)
                   for number in range(3)]
        peak, count = self.peak(zip_forms.build(entries))
        self.assertLess(peak, 4 * MIB)
        self.assertLess(count, 5 * MIB)

    def test_large_directories(self):
        entry = zip_forms.Entry(b'a' * 60000, extra=b'\0' * 60000)
        data = zip_forms.build([entry] * 60, zip64=True)
        peak, count = self.peak(data)
        self.assertLess(peak, 4 * MIB)
        self.assertLess(count, MIB)
        limit = 10000 * agent_archive.MAX_ENTRY_BYTES
        entry = zip_forms.Entry(b'a', extra=b'\0' * (limit // 90),
                                comment=b'x')
        peak, count = self.peak(zip_forms.build([entry] * 89))
        self.assertLess(peak, 4 * limit)

    def test_many_members(self):
        paths = [f'{number}/' * 3 + 'file' for number in range(10000)]
        peak, _count = self.peak(zip_forms.build(
            [zip_forms.Entry(path.encode()) for path in paths]))
        self.assertLess(peak, 40 * MIB)

    def test_comments(self):
        entry = zip_forms.Entry(b'a')
        for comment in (b'PK\5\6' * 16000, b'x' * 65535):
            peak, count = self.peak(zip_forms.build([entry], comment=comment))
            self.assertLess(peak, MIB)
            self.assertLess(count, MIB)
