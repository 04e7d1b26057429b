# SPDX-License-Identifier: Apache-2.0
"""Tests of functions in each language of the machine, through the API."""

import shutil

from oslotest import base

from qinling.tests.functional import base as servers

NODEJS = '''
let calls = 0;
exports.handler = async (input, context) => {
  console.log('Greeting', input.name);
  calls += 1;
  return { greeting: `Hello, ${input.name}!`, calls, id: context.function_id };
};
'''
#: With the least memory that functions may have.
NODEJS_BUSY = '''
const fs = require('fs');
exports.main = async ({ count }) => {
  const made = Array.from({ length: count }, (_, id) => ({ id, n: `n${id}` }));
  await fs.promises.writeFile('/tmp/made', JSON.stringify(made));
  return JSON.parse(await fs.promises.readFile('/tmp/made')).length;
};
'''
BASH = '''#!/bin/bash
read -r line
echo "Got $line" >&2
[[ $line =~ '"name": "'([^\\"]*) ]]
printf '{"greeting": "Hello, %s!"}\\n' "${BASH_REMATCH[1]}"
'''


class TestLanguages(servers.Shared, base.BaseTestCase):

    @staticmethod
    def make_server():
        return servers.Standalone(DEFAULT={})

    def create(self, runtime, files, **fields):
        """Return the id of a function."""
        if runtime == 'nodejs' and not shutil.which('node'):
            self.skipTest('This machine has no Node.js.')
        id = self.client.runtime(runtime)
        servers.wait_for(lambda: self.client.get(f'/v1/runtimes/{id}')[
            'status'] == 'available', f'the runtime {runtime}')
        return self.client.create(files, runtime_id=id, **fields)['id']

    def output(self, function, **input):
        row = self.client.run(function, input)
        self.assertEqual('success', row['status'], row)
        return servers.output(row), self.client.log(row['id'])

    def test_runtimes(self):
        rows = {row['name']: row for row in
                self.client.get('/v1/runtimes')['runtimes']}
        self.assertLessEqual({'python3', 'command'}, set(rows))
        self.assertEqual(bool(shutil.which('node')), 'nodejs' in rows)
        for name, language in (('python3', 'python'), ('nodejs', 'nodejs')):
            if name in rows:
                id = self.client.runtime(name)
                row = servers.wait_for(
                    lambda id=id: (runtime := self.client.get(
                        f'/v1/runtimes/{id}'))['language'] and runtime, name)
                self.assertEqual(language, row['language'])
                self.assertRegex(row['language_version'], r'^\d+\.\d+\.\d+$')

    def test_nodejs(self):
        function = self.create('nodejs', {'index.js': NODEJS},
                               entry='index.handler')
        for calls in (1, 2):
            result, log = self.output(function, name='Ada')
            self.assertEqual({'greeting': 'Hello, Ada!', 'calls': calls,
                              'id': function}, result)
            self.assertIn('\nGreeting Ada\n', log)

    def test_nodejs_with_little_memory(self):
        function = self.create('nodejs', {'main.js': NODEJS_BUSY},
                               memory_size=32 << 20, timeout=30)
        self.assertEqual(20000, self.output(function, count=20000)[0])

    def test_bash(self):
        # The default entry means the file main; nothing says in the ZIP that
        # it is executable.
        function = self.create('command', {'main': BASH})
        result, log = self.output(function, name='Ada')
        self.assertEqual({'greeting': 'Hello, Ada!'}, result)
        self.assertIn('\nGot {"input": {"name": "Ada"}, "context": {', log)

    def available(self, id):
        """Return a runtime once available."""
        return servers.wait_for(
            lambda: (row := self.client.get(f'/v1/runtimes/{id}'))[
                'status'] == 'available' and row, f'the runtime {id}')

    def upgrade(self, **fields):
        """Publish a function, and change the image of the runtime.

        :returns: the version, the execution of the latest code, and the
            execution of the version.
        """
        status, runtime = self.client.call('POST', '/v1/runtimes', {
            'image': 'python3', 'name': 'mine'})
        self.assertEqual(201, status)
        self.available(runtime['id'])
        function = self.client.create('def main(): return "Python"',
                                      runtime_id=runtime['id'])['id']
        versions = f'/v1/functions/{function}/versions'
        self.assertEqual(201, self.client.call('POST', versions, {})[0])
        self.assertEqual(200, self.client.call(
            'PUT', f'/v1/runtimes/{runtime["id"]}',
            dict(fields, image='command'))[0])
        row = self.available(runtime['id'])
        self.assertEqual(('command', 'command', None), (
            row['image'], row['language'], row['language_version']))
        version = self.client.get(f'{versions}/1')
        self.available(version['runtime_id'])
        return (version, self.client.run(function),
                self.client.run(function, function_version=1))

    def test_versions_keep_their_image(self):
        version, latest, pinned = self.upgrade()
        runtime = self.client.get(f'/v1/runtimes/{version["runtime_id"]}')
        self.assertEqual(('python3', 'python'),
                         (runtime['image'], runtime['language']))
        self.assertIn('has no file main', servers.output(latest))
        self.assertEqual('Python', servers.output(pinned))

    def test_versions_get_the_new_image_on_request(self):
        _version, latest, pinned = self.upgrade(upgrade_versions=True)
        for row in (latest, pinned):
            self.assertIn('has no file main', servers.output(row))
