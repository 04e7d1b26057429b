# SPDX-License-Identifier: Apache-2.0
"""Tests of the main job, the same over both deployments."""

import hashlib
import json
import threading

from oslotest import base

from qinling.tests.functional import base as servers

#: Idle workers that the servers of these tests keep.
POOL = 2
GREETER = {
    'main.py': 'from greeter import words\n\n\n'
               'def main(name, **kwargs):\n'
               '    print("greeting", name)\n'
               '    return {"words": words.greet(name)}\n',
    'greeter/__init__.py': '',
    'greeter/words.py': 'def greet(name):\n    return f"Hello, {name} ☕"\n',
}
KINDS = '''
async def later(**kwargs):
    return 'async'

def values(which, **kwargs):
    return {'null': None, 'float': 1.5, 'list': [1, 'a', None],
            'nested': {'ü': [True]}, 'text': '', 'big': 2 ** 80}[which]

def arguments(*args, context=None, **kwargs):
    return [list(args), kwargs, sorted(context)]

def broken(**kwargs):
    import sys
    print('to stderr', file=sys.stderr)
    raise ValueError('what went wrong')

def kept(**kwargs):
    kept.count = getattr(kept, 'count', 0) + 1
    return kept.count

def slow(seconds, **kwargs):
    import time
    time.sleep(seconds)
    return seconds
'''


class MainJob(servers.Shared):
    """Tests of a user's work, from upload to log."""

    def test_upload_run_see(self):
        function = self.client.create(GREETER, name='greeter')
        package = servers.package(GREETER)
        self.assertEqual(hashlib.md5(package).hexdigest(),
                         function['code']['md5sum'])
        row = self.client.run(function['id'], '{"name": "Ada"}')
        self.assertEqual('success', row['status'], row)
        result = json.loads(row['result'])
        self.assertEqual({'words': 'Hello, Ada ☕'}, result['output'])
        self.assertGreaterEqual(result['duration'], 0)
        log = self.client.log(row['id']).splitlines()
        self.assertEqual(f'Start execution: {row["id"]}', log[0])
        self.assertIn('greeting Ada', log)
        self.assertEqual(f'Finished execution: {row["id"]}', log[-1])

        queued = self.client.run(function['id'], {'name': 'Bob'}, sync=False)
        self.assertEqual('running', queued['status'])
        ended = self.client.wait_for_end(queued['id'])
        self.assertEqual({'words': 'Hello, Bob ☕'}, servers.output(ended))

        listed = self.client.get(
            f'/v1/executions?function_id={function["id"]}')['executions']
        self.assertEqual([row['id'], ended['id']],
                         [item['id'] for item in listed])
        details = self.client.get(f'/v1/functions/{function["id"]}')
        self.assertEqual(2, details['count'])
        _, _, data = self.client.request(
            'GET', f'/v1/functions/{function["id"]}?download=true')
        self.assertEqual(package, data)
        self._delete(function, row)

    def _delete(self, function, row):
        for path in (f'/v1/executions/{row["id"]}',
                     f'/v1/functions/{function["id"]}'):
            self.assertEqual(204, self.client.call('DELETE', path)[0])
            self.assertEqual(404, self.client.call('GET', path)[0])

    def test_kinds_of_functions(self):
        def run(entry, input=None):
            self.client.form(
                'PUT', f'/v1/functions/{function}', {'entry': entry})
            return self.client.run(function, input)
        function = self.client.create(KINDS)['id']
        self.assertEqual('async', servers.output(run('main.later')))
        for kind, value in (('null', None), ('float', 1.5),
                            ('list', [1, 'a', None]), ('text', ''),
                            ('nested', {'ü': [True]}), ('big', 2 ** 80)):
            row = run('main.values', {'which': kind})
            self.assertEqual((value, 'success'),
                             (servers.output(row), row['status']))
        for argument, args, kwargs in ((None, [], {}), ('abc', ['abc'], {}),
                                       ('6', ['6'], {}), (6, ['6'], {}),
                                       ('{"a": 1}', [], {'a': 1}),
                                       ({'__function_input': [1], 'b': 2},
                                        [[1]], {'b': 2})):
            row = run('main.arguments', argument)
            self.assertEqual([args, kwargs], servers.output(row)[:2])
        self.assertIn('os_session', servers.output(row)[2])

    def test_errors_of_users_are_explained(self):
        function = self.client.create(KINDS, entry='main.broken')['id']
        row = self.client.run(function)
        self.assertEqual(('failed', 'what went wrong'),
                         (row['status'], servers.output(row)))
        log = self.client.log(row['id'])
        self.assertIn('to stderr', log)
        self.assertIn('ValueError: what went wrong', log)

    def test_a_worker_keeps_its_module(self):
        function = self.client.create(KINDS, entry='main.kept')['id']
        counts = [servers.output(self.client.run(function))
                  for _ in range(3)]
        self.assertEqual([1, 2, 3], counts)

    def test_new_code_and_limits_are_used_at_once(self):
        function = self.client.create('def main(**k):\n    return 1\n')['id']
        self.assertEqual(1, servers.output(self.client.run(function)))
        self.client.form(
            'PUT', f'/v1/functions/{function}', {},
            servers.package('def main(**k):\n    return 2\n'))
        self.assertEqual(2, servers.output(self.client.run(function)))

    def test_timeout_changes_without_a_new_worker(self):
        function = self.client.create(KINDS, entry='main.slow',
                                      timeout=1)['id']
        row = self.client.run(function, {'seconds': 1.5})
        self.assertEqual(('failed', 'Function execution timeout.'),
                         (row['status'], servers.output(row)))
        self.assertGreaterEqual(json.loads(row['result'])['duration'], 1)
        before = self._workers(function)
        self.client.form('PUT', f'/v1/functions/{function}', {'timeout': 30})
        row = self.client.run(function, {'seconds': 1.5})
        self.assertEqual('success', row['status'], row)
        self.assertEqual(before, self._workers(function))

    def _workers(self, function):
        return self.client.get(
            f'/v1/functions/{function}/workers')['workers']

    def test_workers_grow_with_concurrency(self):
        function = self.client.create(KINDS, entry='main.slow')['id']
        for concurrent, expected in ((3, 1), (6, 2)):
            self._run_concurrently(function, concurrent, 2 * expected)
            self.assertEqual(expected, len(self._workers(function)))
        self.assertEqual(202, self.client.call(
            'POST', f'/v1/functions/{function}/detach')[0])
        servers.wait_for(lambda: not self._workers(function), 'the detach')

    def _run_concurrently(self, function, count, seconds):
        rows = []
        threads = [threading.Thread(target=lambda: rows.append(
            self.client.run(function, {'seconds': seconds})))
            for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(['success'] * count,
                         [row['status'] for row in rows], rows)

    def test_scaling_by_hand(self):
        function = self.client.create(KINDS, entry='main.kept')['id']
        for verb, count, expected in (('scale_up', 2, 2), ('scale_up', 1, 3),
                                      ('scale_down', 1, 2),
                                      ('scale_down', 5, 1)):
            status, _ = self.client.call(
                'POST', f'/v1/functions/{function}/{verb}', {'count': count})
            self.assertEqual(202, status)
            servers.wait_for(lambda: len(self._workers(function)) == expected,
                             f'{expected} workers')

    def test_pool_refills(self):
        runtime = self.client.runtime()

        def is_full():
            pool = self.client.get(f'/v1/runtimes/{runtime}/pool')
            self.assertEqual(runtime, pool['name'])
            return pool['capacity']['available'] == POOL
        servers.wait_for(is_full, 'a full pool')
        function = self.client.create(KINDS, entry='main.kept')['id']
        self.assertEqual('success', self.client.run(function)['status'])
        servers.wait_for(is_full, 'a full pool again')

    def test_unknown_image_ends_in_error(self):
        _, row = self.client.call('POST', '/v1/runtimes',
                                  {'image': 'cobol85'})
        # An engine may have been faster than the answer.
        self.assertIn(row['status'], ('creating', 'error'))

        def failed_runtime():
            runtime = self.client.get(f'/v1/runtimes/{row["id"]}')
            return runtime['status'] == 'error' and runtime
        runtime = servers.wait_for(failed_runtime, 'the runtime to fail')
        self.assertIn('cobol85', runtime['status_reason'])
        self.assertEqual(204, self.client.call(
            'DELETE', f'/v1/runtimes/{row["id"]}')[0])
        servers.wait_for(lambda: self.client.call(
            'GET', f'/v1/runtimes/{row["id"]}')[0] == 404, 'its end')

    def test_functions_share_nothing(self):
        code = ('import pathlib\n\n\ndef main(**kwargs):\n'
                '    found = pathlib.Path("/tmp/mark").exists()\n'
                '    pathlib.Path("/tmp/mark").write_text("x")\n'
                '    return found\n')
        first, second = self.client.create(code), self.client.create(code)
        results = [servers.output(self.client.run(function['id']))
                   for function in (first, second, first)]
        self.assertEqual([False, False, True], results)


class TestStandalone(MainJob, base.BaseTestCase):
    """Tests of the main job on one machine."""

    @staticmethod
    def make_server():
        return servers.Standalone(process={'pool_size': POOL})


class TestCloud(MainJob, base.BaseTestCase):
    """Tests of the main job over separate daemons, RabbitMQ and MariaDB."""

    @staticmethod
    def make_server():
        return servers.Cloud(process={'pool_size': POOL})
