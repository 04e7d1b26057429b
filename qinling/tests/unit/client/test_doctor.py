# SPDX-License-Identifier: Apache-2.0
"""Tests of the command that looks for problems."""

from email import utils
import shutil
import time
from unittest import mock

from oslotest import base
import requests
import time_machine

from qinling.client.commands import doctor
from qinling.tests.unit.client import stub
from qinling import version

ID = '11111111-2222-4333-8444-555555555555'
RUNTIME = {'id': ID, 'name': 'python3', 'status': 'available',
           'status_reason': None}


def answers(lead=0.0, release=None, runtimes=(RUNTIME,), available=3,
            errors=()):
    """Return the answers of a server.

    :param lead: seconds by which the clock of the server is ahead.
    """
    date = utils.formatdate(time.time() + lead, usegmt=True)
    root = stub.answer(body={'versions': []}, Date=date)
    capacity = {'total': 3, 'available': available}
    return [
        root, root, stub.answer(body={'info': {
            'version': release or version.release()}}),
        stub.answer(body={'functions': []}),
        stub.answer(body={'runtimes': runtimes}),
        *(stub.answer(body={'name': 'python3', 'capacity': capacity})
          for row in runtimes if row['status'] == 'available'),
        stub.answer(body={'executions': errors})]


class TestDoctor(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.machine = mock.Mock(f_bavail=1 << 20, f_frsize=1 << 12)
        self.enterContext(mock.patch.object(
            doctor.os, 'statvfs', return_value=self.machine))
        self.enterContext(mock.patch.object(
            shutil, 'which', side_effect=lambda name: f'/usr/bin/{name}'))

    def examine(self, *responses, code=0):
        result, out, self.errors = stub.Server(*responses).run('doctor')
        self.assertEqual(code, result, out)
        return out

    def test_healthy_server(self):
        out = self.examine(*answers())
        self.assertEqual({'ok'}, {line.split()[0]
                                  for line in out.splitlines()})
        self.assertIn('python3 has 3 free workers of 3.', out)
        self.assertIn('No problem', self.errors)

    @time_machine.travel(time.time(), tick=False)
    def test_clock(self):
        for lead, words in ((30, '30 s ahead of this machine'),
                            (-30, '30 s behind this machine')):
            self.assertIn(words, self.examine(*answers(lead), code=1))
        self.assertIn('agree', self.examine(*answers(0.9)))

    def test_hidden_clock(self):
        root, *rest = answers()[1:]
        del root.headers['Date']
        self.assertNotIn('clock', self.examine(root, root, *rest))

    def test_other_release(self):
        self.assertIn('note     release    The server is 0.1',
                      self.examine(*answers(release='0.1')))

    def test_runtimes(self):
        self.assertIn('qinling runtime create', self.examine(
            *answers(runtimes=()), code=1))
        self.assertIn('python3 is error: no image', self.examine(*answers(
            runtimes=[dict(RUNTIME, status='error',
                           status_reason='no image')]), code=1))
        self.assertIn('note     runtime', self.examine(
            *answers(available=0)))

    def test_reader_without_rights(self):
        refusal = stub.answer(403, {'faultstring': 'Forbidden'})
        *head, _pool, executions = answers()
        self.assertIn('python3 is available.', self.examine(
            *head, refusal, executions))
        out = self.examine(*answers()[:3], refusal, *answers()[4:], code=1)
        self.assertIn('problem  rights     Forbidden', out)

    def test_errors_of_the_platform(self):
        out = self.examine(*answers(errors=[
            {'id': ID, 'reason': 'worker_lost'}]))
        self.assertIn('1 executions within a day, the last one as '
                      'worker_lost', out)
        self.assertIn(f'qinling execution show {ID}', out)

    def test_no_server(self):
        out = self.examine(requests.ConnectionError('refused'), code=1)
        self.assertEqual(['problem', 'ok', 'ok'], [
            line.split()[0] for line in out.splitlines()
            if not line.startswith(' ')])
        self.assertIn('tools/quickstart.sh', out)

    def test_another_service(self):
        out = self.examine(stub.answer(body='<html>'), code=1)
        self.assertEqual(['problem', 'ok', 'ok'], [
            line.split()[0] for line in out.splitlines()
            if not line.startswith(' ')])
        self.assertIn('to the URL of a Qinling server', out)

    def test_short_wait(self):
        server = stub.Server(requests.ConnectionError('refused'))
        server.run('doctor')
        self.assertEqual([(5, 5)], server.timeouts)

    def test_advice_of_the_commands(self):
        code, _out, errors = stub.Server(
            requests.ConnectionError('refused')).run('runtime', 'list')
        self.assertEqual(1, code)
        for words in ('QINLING_URL', '--qinling-url', 'qinling doctor'):
            self.assertIn(words, errors)

    def test_machine(self):
        self.machine.f_bavail = 1
        with mock.patch.object(shutil, 'which', return_value=None):
            out = self.examine(*answers(), code=1)
        for words in ('bubblewrap is not installed', 'Node.js is not',
                      'problem  disk       4KiB are free'):
            self.assertIn(words, out)
