# SPDX-License-Identifier: Apache-2.0
"""The application that web servers load before they fork."""

import os
import threading
import types
from unittest import mock

import fixtures
from oslotest import base
import webob

from qinling.api import wsgi
from qinling import exception
from qinling.tests import databases


class TestApplication(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.pids = []
        self.application = self.create_application(self.create_service)

    def create_application(self, create_service):
        application = wsgi.Application()
        self.useFixture(fixtures.MockPatchObject(
            application, 'create_service', create_service))
        return application

    def create_service(self):
        self.pids.append(os.getpid())
        return types.SimpleNamespace(
            app=lambda environ, start: (os.getpid(), len(self.pids)),
            flush=lambda: None)

    def test_services_start_with_the_first_request(self):
        self.assertEqual([], self.pids)
        for _ in range(2):
            self.assertEqual((os.getpid(), 1), self.application({}, None))

    def test_concurrent_requests_share_a_service(self):
        threads = [threading.Thread(target=self.application, args=({}, None))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(databases.PATIENCE)
        self.assertEqual(1, len(self.pids))

    def test_forked_processes_have_separate_services(self):
        self.application({}, None)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            answer = self.application({}, None)
            os.write(writing, b'%d %d' % answer)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as stream:
            self.assertEqual(f'{child} 2', stream.read())
        os.waitpid(child, 0)
        self.assertEqual((os.getpid(), 1), self.application({}, None))

    def refusal(self, application):
        """Return the body of an answer with 503."""
        response = webob.Request.blank('/v1/functions').get_response(
            application)
        self.assertEqual('503 Service Unavailable', response.status)
        self.assertTrue(int(response.headers['Retry-After']))
        return response.json

    def test_failed_starts_are_retried(self):
        faults = [ValueError('no bus'), exception.Unavailable(reason='away.')]
        texts = [str(fault) for fault in faults]
        seconds = self.useFixture(fixtures.MockPatchObject(
            wsgi.time, 'monotonic')).mock
        seconds.return_value = 1000

        def create_service():
            if faults:
                raise faults.pop(0)
            return self.create_service()
        application = self.create_application(create_service)
        for text in texts:
            log = self.useFixture(fixtures.FakeLogger('qinling.api.wsgi'))
            for _ in range(3):
                answer = self.refusal(application)
                self.assertIn('its log says why', answer['faultstring'])
            self.assertEqual(1, log.output.count(text))
            self.assertNotIn('Traceback', log.output)
            seconds.return_value += wsgi.RETRY_SECONDS
        self.assertEqual((os.getpid(), 1), application({}, None))

    def test_requests_do_not_wait_long_for_a_start(self):
        self.useFixture(fixtures.MockPatchObject(
            wsgi, 'START_TIMEOUT_SECONDS', 0.01))
        is_started, may_end = threading.Event(), threading.Event()

        def create_service():
            is_started.set()
            may_end.wait(databases.PATIENCE)
            return self.create_service()
        application = self.create_application(create_service)
        thread = threading.Thread(target=application, args=({}, None))
        thread.start()
        self.assertTrue(is_started.wait(databases.PATIENCE))
        self.refusal(application)
        may_end.set()
        thread.join(databases.PATIENCE)
        self.assertEqual((os.getpid(), 1), application({}, None))

    def test_only_the_opening_process_flushes(self):
        flushed = []
        service = types.SimpleNamespace(flush=lambda: flushed.append(1))
        wsgi._flush(service, os.getpid() + 1)
        self.assertEqual([], flushed)
        wsgi._flush(service, os.getpid())
        self.assertEqual([1], flushed)


class TestConfiguration(base.BaseTestCase):
    def files(self, **texts):
        return dict(zip(texts, self.create_tempfiles(
            [(name, text) for name, text in texts.items()], '.conf')))

    def test_files_and_a_directory(self):
        paths = self.files(one='[api]\nport = 1\nthreads = 3\n',
                           two='[api]\nport = 2\n')
        conf = wsgi.configure({wsgi.FILES: f'{paths["one"]};{paths["two"]}'})
        self.assertEqual((2, 3), (conf.api.port, conf.api.threads))
        directory = os.path.dirname(paths['two'])
        conf = wsgi.configure({wsgi.DIRECTORY: directory})
        self.assertIn(conf.api.port, (1, 2))

    def test_missing_authentication_is_logged(self):
        for options, words in (
                ('', 'everyone who can reach'),
                ('allow_noauth_on_network = true', None),
                ('auth_strategy = http_basic', None)):
            log = self.useFixture(fixtures.FakeLogger('qinling.api.wsgi'))
            paths = self.files(noauth=f'[api]\n{options}\n')
            with mock.patch.object(wsgi, 'Service'), mock.patch.dict(
                    os.environ, {wsgi.FILES: paths['noauth']}):
                wsgi.Application().create_service()
            self.assertIn(words or '', log.output)
            self.assertEqual(words is None, not log.output, options)


class TestService(base.BaseTestCase):
    def test_failed_starts_leave_nothing(self):
        is_clean = threading.Event()
        opened = {name: self.useFixture(fixtures.MockPatchObject(
            owner, attribute)).mock.return_value
            for name, owner, attribute in (
                ('database', wsgi.session, 'Database'),
                ('schema', wsgi.revisions, 'check'),
                ('bus', wsgi.message_bus, 'create_transport'),
                ('engines', wsgi.bus, 'EngineClient'))}
        opened['bus'].cleanup.side_effect = is_clean.set
        self.useFixture(fixtures.MockPatchObject(
            wsgi.services, 'create_backends',
            side_effect=ValueError('no Fernet key')))
        self.assertRaises(ValueError, wsgi.Service, mock.Mock(), mock.Mock())
        opened['engines'].close.assert_called_once_with()
        opened['database'].close.assert_called_once_with()
        self.assertTrue(is_clean.wait(databases.PATIENCE))
