# SPDX-License-Identifier: Apache-2.0
"""The application that a web server loads before it forks."""

import os
import threading
import types

from oslotest import base

from qinling.api import wsgi
from qinling.tests import databases


class TestApplication(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.made = []
        self.application = wsgi.Application(self.make)

    def make(self):
        self.made.append(os.getpid())
        return types.SimpleNamespace(
            app=lambda environ, start: (os.getpid(), len(self.made)),
            close=lambda: None)

    def test_nothing_is_made_before_a_request(self):
        self.assertEqual([], self.made)
        for _ in range(2):
            self.assertEqual((os.getpid(), 1), self.application({}, None))

    def test_requests_at_once_make_one(self):
        threads = [threading.Thread(target=self.application, args=({}, None))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(databases.PATIENCE)
        self.assertEqual(1, len(self.made))

    def test_a_child_makes_its_own(self):
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

    def test_what_failed_is_tried_again(self):
        faults = [ValueError('no bus')]

        def make():
            if faults:
                raise faults.pop()
            return self.make()
        application = wsgi.Application(make)
        self.assertRaises(ValueError, application, {}, None)
        self.assertEqual((os.getpid(), 1), application({}, None))

    def test_only_the_process_that_opened_it_closes(self):
        closed = []
        service = types.SimpleNamespace(close=lambda: closed.append(1))
        wsgi._close(service, os.getpid() + 1)
        self.assertEqual([], closed)
        wsgi._close(service, os.getpid())
        self.assertEqual([1], closed)


class TestConfiguration(base.BaseTestCase):
    def files(self, **texts):
        return dict(zip(texts, self.create_tempfiles(
            [(name, text) for name, text in texts.items()], '.conf')))

    def test_files_and_a_directory(self):
        found = self.files(one='[api]\nport = 1\nthreads = 3\n',
                           two='[api]\nport = 2\n')
        conf = wsgi.configure({wsgi.FILES: f'{found["one"]};{found["two"]}'})
        self.assertEqual((2, 3), (conf.api.port, conf.api.threads))
        directory = os.path.dirname(found['two'])
        conf = wsgi.configure({wsgi.DIRECTORY: directory})
        self.assertIn(conf.api.port, (1, 2))
