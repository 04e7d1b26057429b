# SPDX-License-Identifier: Apache-2.0
"""Tests of monitoring and operating a running service."""

import gzip
import http.server
import json
import pathlib
import re
import signal
import socket
import threading
import urllib.request

import fixtures
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from oslotest import base

from qinling import conf as qinling_conf
from qinling import message_bus
from qinling.tests.functional import base as servers

CONTEXT_FUNCTION = ('import json\n'
                    'def main(context=None):\n'
                    '    return {"ids": context}\n')
ID = re.compile('req-[0-9a-f-]{36}')
CALLER_ID = 'req-00000000-1111-4222-8333-444444444444'
TRACE = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01'


class TestStandalone(base.BaseTestCase):
    """Tests on one machine."""

    def test_systemd_is_notified(self):
        path = self.useFixture(fixtures.TempDir()).join('notify')
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.settimeout(servers.PATIENCE)
        self.useFixture(fixtures.EnvironmentVariable('NOTIFY_SOCKET', path))
        server = self.useFixture(servers.Standalone())
        self.assertEqual(b'READY=1', listener.recv(1000))
        server.program.process.send_signal(signal.SIGHUP)
        self.assertRegex(listener.recv(1000).decode(),
                         r'\ARELOADING=1\nMONOTONIC_USEC=\d+\Z')
        self.assertEqual(b'READY=1', listener.recv(1000))
        self.assertEqual(0, server.program.stop())
        self.assertEqual(b'STOPPING=1', listener.recv(1000))

    def test_mutable_options(self):
        server = self.useFixture(servers.Standalone(
            resource_limits={'max_timeout': 10}, engine={'threads': 8}))
        client = server.client
        function = client.create(CONTEXT_FUNCTION, timeout=5)['id']
        path = f'/v1/functions/{function}'
        self.assertEqual(400, client.call('PUT', path, {'timeout': 20})[0])
        server.program.file.write_text(servers.ini({
            'resource_limits': {'max_timeout': 30},
            'engine': {'threads': 16}, 'DEFAULT': {'debug': True}}))
        server.program.process.send_signal(signal.SIGHUP)
        servers.wait_for(
            lambda: client.call('PUT', path, {'timeout': 20})[0] == 200,
            'the new limit')
        # What cannot be changed is told, and stays.  Words come after deeds.
        for words in ('[resource_limits] max_timeout',
                      'Ignoring change to immutable option engine.threads'):
            servers.wait_for(
                lambda: words in server.program.log.read_text(), words)

    def test_broken_files_change_no_options(self):
        server = self.useFixture(servers.Standalone())
        server.program.file.write_text('this is no configuration')
        server.program.process.send_signal(signal.SIGHUP)
        servers.wait_for(
            lambda: ('Could not reload the configuration'
                     in server.program.log.read_text()),
            'the refusal')
        self.assertEqual(200, server.client.call('GET', '/v1')[0])

    def test_log_records_in_json(self):
        path = pathlib.Path('etc/qinling/logging.json.conf').absolute()
        server = self.useFixture(servers.Standalone(
            DEFAULT={'log_config_append': path}))
        function = server.client.create(
            'import os\ndef main():\n    os._exit(3)\n')['id']
        row = server.client.run(function)
        self.assertEqual('failed', row['status'])
        records = [json.loads(line) for line
                   in server.program.log.read_text().splitlines()]
        matching = [record for record in records
                    if row['id'] in record['message']]
        for record in records:
            self.assertIn('levelname', record)
        for record in matching:
            self.assertRegex(record['context']['request_id'], ID)

    def test_metrics(self):
        server = self.useFixture(servers.Standalone(
            metrics={'api_port': 0}))
        port = servers.wait_for(lambda: re.search(
            r'Serving metrics at 127.0.0.1 port (\d+)',
            server.program.log.read_text()), 'the port')[1]
        client = server.client
        client.run(client.create(CONTEXT_FUNCTION)['id'])
        text = read(f'http://127.0.0.1:{port}/metrics')
        for line in (
                'qinling_api_request_duration_seconds_count{method="POST",'
                'route="/v1/executions",status="201"} 1.0',
                'qinling_execution_duration_seconds_count{mode="sync",'
                'status="success"} 1.0',
                'qinling_worker_wait_seconds_count 1.0',
                'qinling_cold_start_duration_seconds_count 1.0',
                'qinling_engine_queued_executions 0.0',
                'qinling_engine_claimed_workers 1.0'):
            self.assertIn(line, text)
        self.assertRegex(text, r'qinling_pool_workers\{runtime="[^"]+",'
                         r'state="total"\} \d')
        for name in ('', '/live', '/ready'):
            answer = json.loads(read(
                f'http://127.0.0.1:{port}/healthcheck{name}'))
            self.assertFalse(answer['detailed'])
        # Users are told of health, but no figures.
        self.assertEqual(200, client.call('GET', '/healthcheck')[0])
        self.assertEqual(404, client.call('GET', '/metrics')[0])

    def test_a_trace_from_the_caller_to_the_function(self):
        collector = self.useFixture(Collector())
        server = self.useFixture(servers.Standalone(tracing={
            'enabled': True, 'endpoint': collector.url}))
        client = server.client
        function = client.create(CONTEXT_FUNCTION)['id']
        _, _, body = client.request(
            'POST', '/v1/executions', json.dumps({'function_id': function}),
            {'Content-Type': 'application/json', 'traceparent': TRACE})
        traceparent = servers.output(json.loads(body))['ids']['traceparent']
        self.assertEqual(0, server.program.stop())
        _, trace, parent, _ = TRACE.split('-')
        for name in ('POST /v1/executions', 'execution', 'worker'):
            span, = [candidate for candidate in collector.spans
                     if candidate.name == name
                     and candidate.trace_id.hex() == trace]
            self.assertEqual(parent, span.parent_span_id.hex(), name)
            parent = span.span_id.hex()
        self.assertEqual(f'00-{trace}-{parent}-01', traceparent)


class Collector(fixtures.Fixture):
    """Collector of traces, as OTLP over HTTP."""

    def _setUp(self):
        self.spans = spans = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                data = self.rfile.read(int(self.headers['Content-Length']))
                if self.headers.get('Content-Encoding') == 'gzip':
                    data = gzip.decompress(data)
                request = trace_service_pb2.ExportTraceServiceRequest()
                request.ParseFromString(data)
                spans.extend(
                    span for resource in request.resource_spans
                    for scope in resource.scope_spans for span in scope.spans)
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{server.server_port}/v1/traces'
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)


class NotificationRecorder:
    """Recorder of notifications."""

    def __init__(self):
        self.notifications = []

    def info(self, _ctxt, _publisher, kind, payload, _metadata):
        self.notifications.append((kind, payload))

    def find(self, kind, id):
        """Return the payload of a notification, or ``None``."""
        return next((payload for recorded, payload in list(self.notifications)
                     if recorded == kind
                     and payload['target']['id'] == id), None)


class TestCloud(servers.Shared, base.BaseTestCase):
    """Tests of API and engine as separate processes."""

    @classmethod
    def make_server(cls):
        return servers.Cloud(
            metrics={'api_port': 0, 'engine_port': 0},
            oslo_messaging_notifications={'driver': 'messagingv2'},
            DEFAULT={'debug': True})

    def port(self, program):
        return servers.wait_for(lambda: re.search(
            r'Serving metrics at 127.0.0.1 port (\d+)',
            program.log.read_text()),
            'the port')[1]

    def test_request_ids_reach_function_and_logs(self):
        function = self.client.create(CONTEXT_FUNCTION)['id']
        status, headers, body = self.client.request(
            'POST', '/v1/executions',
            json.dumps({'function_id': function}),
            {'Content-Type': 'application/json', 'traceparent': TRACE,
             'X-Openstack-Request-Id': CALLER_ID})
        self.assertEqual(201, status, body)
        id = headers['X-Openstack-Request-Id']
        self.assertRegex(id, ID)
        self.assertNotEqual(CALLER_ID, id)
        ids = servers.output(json.loads(body))['ids']
        self.assertEqual(id, ids['request_id'])
        self.assertEqual(TRACE, ids['traceparent'])
        for program in (self.server.api, self.server.engines[0]):
            self.assertIn(id, program.log.read_text(), program.name)

    def test_the_audit_trail_on_the_bus(self):
        conf = qinling_conf.load([], [str(self.server.api.file)])
        bus = message_bus.create_transport(conf)
        self.addCleanup(bus.cleanup)
        recorder = NotificationRecorder()
        listener = message_bus.oslo_messaging.get_notification_listener(
            message_bus.oslo_messaging.get_notification_transport(conf),
            [message_bus.oslo_messaging.Target(topic='notifications')],
            [recorder], executor='threading')
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        function = self.client.create(CONTEXT_FUNCTION)['id']
        self.assertEqual(204, self.client.call(
            'DELETE', f'/v1/functions/{function}')[0])
        for kind in ('function.create', 'function.delete'):
            payload = servers.wait_for(
                lambda: recorder.find(kind, function), kind)
            self.assertEqual('success', payload['outcome'])
            self.assertEqual('default', payload['initiator']['user_id'])
            self.assertRegex(payload['initiator']['request_id'], ID)

    def test_health_and_metrics_of_both(self):
        for program, name in (
                (self.server.api, 'qinling_api_request_duration_seconds'),
                (self.server.engines[0], 'qinling_pool_workers')):
            url = f'http://127.0.0.1:{self.port(program)}'
            self.assertEqual(
                ['database: OK', 'message bus: OK'],
                json.loads(read(f'{url}/healthcheck'))['reasons'])
            self.assertIn(name, read(f'{url}/metrics'))


def read(url):
    """Return the body at a URL."""
    with urllib.request.urlopen(url, timeout=servers.PATIENCE) as answer:
        return answer.read().decode()
