# SPDX-License-Identifier: Apache-2.0
"""Request ids, metrics, notifications and traces of requests."""

import queue
import threading
from unittest import mock

from opentelemetry.sdk.trace.export import in_memory_span_exporter

from qinling.api import app
from qinling.api import audit
from qinling.core import secrets
from qinling.telemetry import health
from qinling.telemetry import metrics
from qinling.telemetry import tracing
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

GLOBAL_ID = 'req-00000000-1111-4222-8333-444444444444'
TRACE = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01'
ID = 'X-Openstack-Request-Id'


class TestIds(cases.ApiTest):
    def test_every_answer_has_an_id(self):
        for method, path, status in (
                ('GET', '/v1', 200), ('GET', '/v1/nothing', 404),
                ('DELETE', '/v1', 405), ('GET', '/v1/functions?limit=x', 400),
                ('POST', '/v1/executions', 400)):
            answer = self.api.request(method, path)
            self.assertEqual(status, answer.status_int)
            self.assertRegex(answer.headers[ID], r'\Areq-[0-9a-f-]{36}\Z')
            self.assertEqual(1, len(answer.headers.getall(ID)))

    def trace(self, **headers):
        """Return the trace context of an execution with headers."""
        function = self.api.function().id
        answer = self.api.request(
            'POST', '/v1/executions', {'function_id': function}, **headers)
        trace = self.engine.calls[-1][1].trace
        self.assertEqual(answer.headers[ID], trace.request_id)
        return trace

    def test_ids_of_the_caller_are_kept(self):
        trace = self.trace(X_Openstack_Request_Id=GLOBAL_ID,
                           traceparent=TRACE)
        self.assertEqual(GLOBAL_ID, trace.global_request_id)
        self.assertEqual(TRACE, trace.traceparent)

    def test_malformed_ids_are_dropped(self):
        for id in ('x' * 10000, 'req-1', GLOBAL_ID + ' more', "' OR 1=1"):
            trace = self.trace(X_Openstack_Request_Id=id, traceparent=id)
            self.assertIsNone(trace.global_request_id)
            self.assertIsNone(trace.traceparent)

    def test_deliveries_keep_the_request_id(self):
        webhook = self.call('POST', '/v1/webhooks', {
            'function_id': self.api.function().id}, status=201)['id']
        answer = self.api.request('POST', f'/v1/webhooks/{webhook}/invoke')
        self.assertEqual(answer.headers[ID],
                         self.engine.calls[-1][1].trace.request_id)


class TestMetrics(cases.ApiTest):
    def count(self, **labels):
        return metrics.REGISTRY.get_sample_value(
            'qinling_api_request_duration_seconds_count', labels) or 0

    def test_requests_by_route(self):
        labels = {'method': 'GET', 'route': '/v1/functions/{id}',
                  'status': '404'}
        before = self.count(**labels)
        for _ in range(2):
            self.call('GET', f'/v1/functions/{cases.UNKNOWN_ID}', status=404)
        self.assertEqual(before + 2, self.count(**labels))

    def test_unknown_routes_share_a_label(self):
        for number in range(3):
            self.api.request(f'MAKE{number}', f'/v1/nothing/{number}')
        names = {(sample.labels['method'], sample.labels['route'])
                 for family in metrics.requests.collect()
                 for sample in family.samples}
        self.assertIn(('', ''), names)
        self.assertFalse(any('nothing' in route for _, route in names))


class TestHealth(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.broken = None
        self.check_count = 0
        self.clock = self.useFixture(cases.fixtures.fixtures.MockPatch(
            'time.monotonic', return_value=100.0)).mock

        def check_database():
            self.check_count += 1
            if self.broken:
                raise self.broken
        self.api.app = app.create_app(
            self.api.services, health=health.Health(
                self.api.conf, {'database': check_database}))

    def check(self, status, path='/healthcheck', method='GET'):
        answer = self.api.request(method, path)
        self.assertEqual(status, answer.status_int)
        if status >= 400 and method != 'HEAD':
            self.assertEqual(('Server' if status >= 500 else 'Client', None), (
                answer.json['faultcode'], answer.json['debuginfo']))
            self.assertTrue(answer.json['faultstring'])
        return answer

    def test_ready(self):
        answer = self.check(200)
        self.assertEqual('application/json', answer.content_type)
        self.assertEqual(['database: OK'], answer.json['reasons'])
        self.check(200, health.READY)
        self.check(204, method='HEAD')

    def test_not_ready_and_alive(self):
        self.broken = OSError('secret-host refused')
        answer = self.check(503)
        self.assertNotIn('secret', answer.text)
        self.assertIn('database: not reachable', answer.json['reasons'])
        self.assertIn('database: not reachable', answer.json['faultstring'])
        self.check(503, method='HEAD')
        self.check(200, health.LIVE)

    def test_results_are_cached(self):
        for _ in range(3):
            self.check(200)
        self.assertEqual(1, self.check_count)
        self.broken = OSError('gone')
        self.clock.return_value += health.RESULT_TTL_SECONDS
        self.check(503)

    def test_other_paths_and_methods_are_refused(self):
        self.check(404, '/healthcheck/other')
        self.check(404, '/healthchecks')
        self.check(405, method='POST')


class Notifier:
    """Notifier that records its calls, blocked until ``go`` is set."""

    def __init__(self):
        self.calls = queue.Queue()
        self.go = threading.Event()
        self.go.set()

    def info(self, *args):
        self.go.wait()
        self.calls.put(('info', *args))

    def error(self, *args):
        self.calls.put(('error', *args))
        raise OSError('the bus is down')


class TestAudit(cases.ApiTest):
    GROUPS = {'secrets': {'encryption_keys': [secrets.new_key()]}}

    def setUp(self):
        super().setUp()
        self.notifier = Notifier()
        self.audit = audit.Audit(self.notifier)
        self.addCleanup(self.audit.close)
        self.addCleanup(self.notifier.go.set)
        self.api.app = app.create_app(
            self.api.services, fixtures.HeaderStrategy(None),
            audit=self.audit)

    def next_notification(self):
        return self.notifier.calls.get(timeout=databases.PATIENCE)

    def test_notification_of_a_success(self):
        answer = self.api.request(
            'POST', '/v1/webhooks', {
                'function_id': self.api.function().id,
                'signature': 'github', 'secret': 'never tell ' * 4},
            X_Project_Id='default', X_Openstack_Request_Id=GLOBAL_ID)
        self.assertEqual(201, answer.status_int, answer.text)
        priority, ctx, kind, payload = self.next_notification()
        self.assertEqual(('info', 'webhook.create'), (priority, kind))
        self.assertEqual({'type': 'webhook', 'id': answer.json['id']},
                         payload['target'])
        self.assertEqual(('success', 201, '/v1/webhooks'), (
            payload['outcome'], payload['status'], payload['path']))
        for initiator in (ctx, payload['initiator']):
            self.assertEqual(
                ('user of default', 'default', answer.headers[ID], GLOBAL_ID),
                (initiator['user_id'], initiator['project_id'],
                 initiator['request_id'], initiator['global_request_id']))
        self.assertNotIn('never tell', repr((ctx, payload)))

    def test_notifications_of_old_versions(self):
        function = self.api.function(keep_versions=1).id
        path = f'/v1/functions/{function}/versions'
        for number, deleted in ((1, []), (2, [f'{path}/1'])):
            answer = self.call('POST', path, status=201)
            self.assertEqual(number, answer['version_number'])
            self.assertEqual('function_version.create',
                             self.next_notification()[2])
            for expected in deleted:
                _, _, kind, payload = self.next_notification()
                self.assertEqual(('function_version.delete', 'DELETE',
                                  expected), (kind, payload['method'],
                                              payload['path']))

    def test_notification_of_a_failure(self):
        for _ in range(2):
            self.call('DELETE', f'/v1/jobs/{cases.UNKNOWN_ID}', status=404)
            priority, _, kind, payload = self.next_notification()
            self.assertEqual(('error', 'job.delete'), (priority, kind))
            self.assertEqual(('failure', 404, cases.UNKNOWN_ID), (
                payload['outcome'], payload['status'],
                payload['target']['id']))

    def test_reads_are_not_notified(self):
        self.call('GET', '/v1/jobs')
        self.call('DELETE', f'/v1/jobs/{cases.UNKNOWN_ID}', status=404)
        self.assertEqual('job.delete', self.next_notification()[2])

    def test_full_queue_drops_notifications(self):
        self.notifier.go.clear()
        before = metrics.notifications_dropped._value.get()
        self.useFixture(cases.fixtures.fixtures.MockPatchObject(
            self.audit, '_queue', queue.Queue(1)))
        body = {'image': 'python3'}
        for _ in range(3):
            self.call('POST', '/v1/runtimes', body, status=201)
        self.assertLess(before, metrics.notifications_dropped._value.get())


class TestTraces(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.exporter = in_memory_span_exporter.InMemorySpanExporter()
        self.tracer = tracing.Tracer(
            self.api.conf.tracing, 'test', self.exporter)
        self.api.app = app.create_app(self.api.services, tracer=self.tracer)

    def spans(self):
        self.tracer.close()
        return self.exporter.get_finished_spans()

    def test_spans_continue_the_trace_of_the_caller(self):
        function = self.api.function().id
        self.call('POST', '/v1/executions', {'function_id': function},
                  status=201, traceparent=TRACE)
        traceparent = self.engine.calls[-1][1].trace.traceparent
        span, = self.spans()
        self.assertEqual('POST /v1/executions', span.name)
        self.assertEqual(201, span.attributes['http.response.status_code'])
        self.assertEqual(TRACE.split('-')[2], f'{span.parent.span_id:016x}')
        self.assertEqual(
            f'00-{TRACE.split("-")[1]}-{span.context.span_id:016x}-01',
            traceparent)

    def test_faults_mark_the_span(self):
        self.engine.answers['pool_capacity'] = ValueError('a fault')
        runtime = self.api.runtime()
        self.call('GET', f'/v1/runtimes/{runtime}/pool', status=500)
        span, = self.spans()
        self.assertFalse(span.status.is_ok)

    def test_nested_spans(self):
        with tracing.start_span(self.tracer, 'execution', TRACE,
                                function_version=1) as inner:
            self.assertEqual(TRACE.split('-')[1], inner.split('-')[1])
        span, = self.spans()
        self.assertEqual(1, span.attributes['qinling.function_version'])

    def test_disabled_tracing(self):
        self.assertIsNone(tracing.create_tracer(self.api.conf, 'test'))
        with tracing.start_span(None, 'execution', TRACE) as inner:
            self.assertEqual(TRACE, inner)

    def test_missing_libraries_prevent_the_start(self):
        self.api.conf.set_override('enabled', True, group='tracing')
        with mock.patch.dict('sys.modules', {'opentelemetry.sdk': None}):
            self.assertRaises(ValueError, tracing.create_tracer,
                              self.api.conf, 't')
