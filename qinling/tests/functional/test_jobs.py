# SPDX-License-Identifier: Apache-2.0
"""Tests of jobs and retries with real, killed processes."""

import collections
import datetime
import json
import os
import pathlib
import random

import fixtures
from oslotest import base
import sqlalchemy as sa

from qinling.db import crud
from qinling.db import models
from qinling.tests import databases
from qinling.tests.functional import base as servers
from qinling.tests.functional import loads
from qinling.tests.functional import preloaded
from qinling.tests.functional import processes

SCHEDULERS = 5
JOBS = 12
#: Ticks that each job has missed.
TICKS = 60
KILLS = 15
ADDER = ('def main(a=0, b=0, **kwargs):\n    print("adding")\n'
         '    return a + b\n')
SLEEPER = ('import time\n\n\ndef main(seconds, **kwargs):\n'
           '    print("started", flush=True)\n    time.sleep(seconds)\n'
           '    return seconds\n')
UNSTEADY = ('calls = []\n\n\ndef main(good, **kwargs):\n'
            '    calls.append(1)\n    if len(calls) < good:\n'
            '        raise ValueError("not yet")\n    return len(calls)\n')
HANDLER = ('def main(execution, **kwargs):\n'
           '    return [execution["id"], execution["result"]]\n')


def minutes_ago(number):
    """Return the start of the minute ``number`` minutes ago."""
    now = models.now().replace(second=0, microsecond=0)
    return now - datetime.timedelta(minutes=number)


class Killing:
    """Tests of randomly killed schedulers over the database ``backend``."""

    #: Further arguments of the program.
    options = []

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(databases.Database(self.backend))
        self.db = self.database.db
        self.log = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path) / 'log'
        self.processes = []
        self.addCleanup(self.kill_all)

    def start(self):
        with self.log.open('ab') as log:
            self.processes.append(preloaded.launcher().start(
                'qinling.tests.functional.job_engine',
                [self.database.connection, *self.options], log,
                dict(os.environ)))

    def kill(self, process):
        process.kill()
        process.wait()
        self.processes.remove(process)

    def kill_all(self):
        for process in list(self.processes):
            self.kill(process)

    def insert(self, model, **values):
        return self.db.write(lambda tx: crud.insert(
            tx, model, **databases.sample(model, **values)))

    def progress(self):
        return self.db.read(
            lambda tx: crud.count(tx, models.Execution))

    def test_each_fire_time_has_one_execution(self):
        function = self.insert(models.Function)
        start = minutes_ago(TICKS - 1)
        ids = [self.insert(
            models.Job, function_id=function, pattern='* * * * *',
            misfire='all', count=TICKS, next_execution_time=start)
            for _ in range(JOBS)]
        for _ in range(SCHEDULERS):
            self.start()
        servers.wait_for(
            lambda: self.log.read_text().count('started') == SCHEDULERS,
            'the schedulers')
        for number in range(KILLS):
            target = JOBS * TICKS * number // (KILLS + 5)
            servers.wait_for(lambda: self.progress() >= target, 'ticks')
            self.kill(random.choice(self.processes))
            self.start()
        servers.wait_for(lambda: not self.db.read(lambda tx: crud.exists(
            tx, models.Job, models.Job.status == 'running')),
            'the end of all jobs', 300)
        self.check(ids, start, function)

    def check(self, ids, start, function):
        expected = [start + datetime.timedelta(minutes=number)
                    for number in range(TICKS)]
        times = collections.defaultdict(list)
        for row in self.db.read(lambda tx: crud.select(tx, models.Execution)):
            times[row.job_id].append(row.scheduled_at)
            self.assertGreaterEqual(row.created_at, row.scheduled_at)
        self.assertEqual(set(ids), set(times))
        for id in ids:
            self.assertEqual(expected, sorted(times[id]))
        row, = self.db.read(lambda tx: crud.select(tx, models.Function))
        self.assertEqual(JOBS * TICKS, row.count)


class TestKillingOnSqlite(Killing, base.BaseTestCase):
    backend = 'sqlite'


class TestKillingOnPostgresql(Killing, base.BaseTestCase):
    backend = 'postgresql'


class TestKillingOnMariadb(Killing, base.BaseTestCase):
    backend = 'mariadb'


class TestStandalone(base.BaseTestCase):
    """Tests of a standalone server."""

    def setUp(self):
        super().setUp()
        self.server = self.useFixture(servers.Standalone())

    @property
    def client(self):
        return self.server.client

    def create(self, **values):
        status, row = self.client.call('POST', '/v1/jobs', values)
        self.assertEqual(201, status, row)
        return row

    def execute(self, statement, *values):
        """Change the database beside the server: the API rejects past times.
        """
        engine = sa.create_engine(f'sqlite:///{self.server.state}/qinling.db',
                                  connect_args={'timeout': 30})
        with engine.begin() as connection:
            connection.exec_driver_sql(statement, values)
        engine.dispose()

    def make_due(self, job, minutes=0):
        """Make a job due."""
        self.execute('UPDATE jobs SET next_execution_time = ?, '
                     'revision = revision + 1 WHERE id = ?',
                     f'{minutes_ago(minutes)}.000000', job['id'])

    def wait_for_executions(self, job, number=1):
        """Return the executions of a job after ``number`` have ended."""
        def poll():
            rows = self.client.get(
                f'/v1/executions?description=has:{job["id"]}')['executions']
            return len(rows) >= number and not [
                row for row in rows if row['status'] == 'running'] and rows
        return servers.wait_for(poll, 'executions')

    def test_a_job(self):
        function = self.client.create(ADDER)['id']
        job = self.create(function_id=function, pattern='* * * * *', count=1,
                          function_input='{"a": 20, "b": 22}')
        self.make_due(job)
        row, = self.wait_for_executions(job)
        self.assertEqual(('success', 42, job['id'], False, 1), (
            row['status'], servers.output(row), row['job_id'], row['sync'],
            row['attempt']))
        self.assertIn('adding', self.client.log(row['id']))
        job = self.client.get(f'/v1/jobs/{job["id"]}')
        self.assertEqual(('done', 0, None), (
            job['status'], job['count'], job['next_execution_time']))

    def test_an_outage(self):
        function = self.client.create(ADDER)['id']
        jobs = {policy: self.create(
            function_id=function, pattern='* * * * *', misfire=policy,
            count=5) for policy in ('once', 'all')}
        self.server.program.kill()
        for job in jobs.values():
            self.make_due(job, minutes=4)
        self.server.restart()
        self.assertIn(len(self.wait_for_executions(jobs['once'])), (1, 2))
        rows = self.wait_for_executions(jobs['all'], 5)
        self.assertEqual(5, len({row['scheduled_at'] for row in rows}))
        self.assertEqual({'success'}, {row['status'] for row in rows})

    def policy(self, code, **policy):
        return self.client.create(
            code, async_policy=json.dumps(policy), timeout=60)['id']

    def test_retries(self):
        function = self.policy(UNSTEADY, retries=3, delay=1)
        row = self.client.run(function, {'good': 3}, sync=False)
        row = self.client.wait_for_end(row['id'])
        self.assertEqual(('success', 3, 3), (
            row['status'], row['attempt'], servers.output(row)), row)

    def test_retries_survive_dead_engines(self):
        function = self.policy(UNSTEADY, retries=1, delay=6)
        id = self.client.run(function, {'good': 9}, sync=False)['id']
        path = f'/v1/executions/{id}'
        waiting = servers.wait_for(
            lambda: self.client.get(path)['next_attempt_at'], 'the failure')
        self.server.program.kill()
        self.server.restart()
        row = self.client.wait_for_end(id)
        self.assertEqual(('failed', 2, None), (
            row['status'], row['attempt'], row['next_attempt_at']), row)
        self.assertGreaterEqual(row['updated_at'], waiting)

    def test_failures_invoke_the_handler(self):
        handler = self.client.create(HANDLER)['id']
        function = self.policy(UNSTEADY, on_failure={'function_id': handler})
        failed = self.client.wait_for_end(self.client.run(
            function, {'good': 9}, sync=False)['id'])
        self.assertEqual('failed', failed['status'])

        def poll():
            rows = self.client.get(
                f'/v1/executions?function_id={handler}')['executions']
            return [row for row in rows if row['status'] != 'running']
        row, = servers.wait_for(poll, 'the call')
        self.assertEqual(('success', failed['id'],
                          [failed['id'], failed['result']]),
                         (row['status'], row['failed_id'],
                          servers.output(row)), row)

    def test_cancel_and_rerun(self):
        function = self.client.create(loads.WAITER, timeout=60)['id']
        id = self.client.run(function, {'seconds': 50}, sync=False)['id']
        servers.wait_for(self.server.sleepers, 'the function')
        status, row = self.client.call('POST', f'/v1/executions/{id}/cancel')
        self.assertEqual((200, 'cancelled'), (status, row['status']))
        # The log comes when the worker has ended it.
        servers.wait_for(lambda: self.client.log(id), 'the log')
        status, row = self.client.call(
            'POST', f'/v1/executions/{id}/rerun')
        self.assertEqual(201, status)
        status, row = self.client.call(
            'POST', f'/v1/executions/{row["id"]}/cancel')
        self.assertEqual('cancelled', row['status'])


class TestNoMessage(base.BaseTestCase):
    """Tests of an engine without messages about ended executions."""

    def test_work_for_a_deleted_row_is_stopped(self):
        server = self.useFixture(servers.Standalone(
            engine={'lease': 3, 'sweep_interval': 1}))
        client = server.client
        function = client.create(loads.WAITER, timeout=300)['id']
        id = client.run(function, {'seconds': 290}, sync=False)['id']
        servers.wait_for(server.sleepers, 'the function')
        self.assertEqual(204, client.call(
            'DELETE', f'/v1/executions/{id}')[0])
        servers.wait_for(
            lambda: not server.sleepers(), 'the end of the process')


class TestCloud(base.BaseTestCase):
    """Tests of the engines of a cloud deployment."""

    def setUp(self):
        super().setUp()
        self.server = self.useFixture(servers.Cloud(
            engines=2, engine={'lease': 3, 'sweep_interval': 1,
                               'queue_timeout': 15, 'max_attempts': 10}))
        self.client = self.server.client

    def test_an_engine_dies_between_fire_times(self):
        function = self.client.create(ADDER)['id']
        _, job = self.client.call('POST', '/v1/jobs', {
            'function_id': function, 'pattern': '* * * * *', 'count': 40,
            'misfire': 'all'})
        self.server.database.execute(
            f"UPDATE jobs SET next_execution_time = '{minutes_ago(39)}', "
            'revision = revision + 1')
        path = f'/v1/executions?job_id={job["id"]}'
        servers.wait_for(lambda: self.client.get(path)['executions'],
                         'the first tick')
        self.server.engines[0].kill()
        servers.wait_for(lambda: self.client.get(
            f'/v1/jobs/{job["id"]}')['status'] == 'done', 'the last tick')

        def poll():
            rows = self.client.get(path)['executions']
            return not [row for row in rows
                        if row['status'] == 'running'] and rows
        rows = servers.wait_for(poll, 'the end of all')
        self.assertEqual({'success'}, {row['status'] for row in rows})
        self.assertEqual(40, len(rows))
        self.assertEqual(40, len({row['scheduled_at'] for row in rows}))

    def test_cancel_reaches_every_engine(self):
        function = self.client.create(loads.WAITER, timeout=300)['id']
        ids = [self.client.run(function, {'seconds': 290}, sync=False)['id']
               for _ in range(4)]
        # An execution has no log before its start.
        servers.wait_for(lambda: 4 == sum(
            len(processes.sleepers(engine.process.pid))
            for engine in self.server.engines), 'all to run')
        for id in ids:
            status, row = self.client.call(
                'POST', f'/v1/executions/{id}/cancel')
            self.assertEqual((200, 'cancelled'), (status, row['status']))
        for id in ids:
            servers.wait_for(lambda: self.client.log(id), 'the log')

    def test_cancel_of_an_execution_of_a_dead_engine(self):
        function = self.client.create(SLEEPER, timeout=60)['id']
        id = self.client.run(function, {'seconds': 50}, sync=False)['id']
        servers.wait_for(lambda: sum(map(
            self.server.owned_by, self.server.engines)), 'it to run')
        for engine in self.server.engines:
            engine.kill()
        status, row = self.client.call('POST', f'/v1/executions/{id}/cancel')
        self.assertEqual((200, 'cancelled'), (status, row['status']))
