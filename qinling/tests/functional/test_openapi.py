# SPDX-License-Identifier: Apache-2.0
"""Generated requests to a real server, by its description of the API."""

import os
import pathlib
import re
import subprocess
import sys

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import webservers

HELLO = 'def main(name="stranger"):\n    return name\n'
PACKAGES = ('schemathesis>=4.0.0,<5',)
#: Seconds of the generated requests, and the least number of requests.
SECONDS = int(os.environ.get('QINLING_TEST_OPENAPI_SECONDS', '30'))
MIN_CASES = 200
#: Old clients send other forms than the described ones, such as numbers as
#: text, so a violated schema does not mean status 400; and a fulfilled schema
#: means no success where attributes depend on each other. The header Allow
#: of a webhook names the methods of the webhook. The other checks need links,
#: or operations that reject anonymous callers.
EXCLUDED_CHECKS = (
    'negative_data_rejection', 'positive_data_acceptance', 'ignored_auth',
    'missing_required_header', 'ensure_resource_availability',
    'use_after_free', 'object_level_authorization',
    'allow_header_conformance')
#: Operations whose numbers start that many workers.
EXCLUDED_PATHS = '/(provision|scale_up|scale_down)$'


class TestGeneratedRequests(servers.Shared, base.BaseTestCase):
    """No error 5xx, no undescribed status, no answer of another form."""

    @classmethod
    def make_server(cls):
        return servers.Standalone()

    def settings(self):
        """Return the settings with ids of resources that exist."""
        function = self.client.create(HELLO)['id']
        run = self.client.run(function)['id']
        _, job = self.client.call('POST', '/v1/jobs', {
            'function_id': function, 'pattern': '0 0 1 1 *'})
        _, webhook = self.client.call(
            'POST', '/v1/webhooks', {'function_id': function})
        self.client.call('POST', f'/v1/functions/{function}/versions', {})
        self.client.call('POST', '/v1/aliases', {
            'name': 'some', 'function_id': function, 'function_version': 1})
        ids = {'functions': function, 'executions': run, 'jobs': job['id'],
               'webhooks': webhook['id'], 'runtimes': self.client.runtime()}
        lines = []
        for noun, id in ids.items():
            lines += ['[[operations]]',
                      f'include-path-regex = "^/v1/{noun}/.id"',
                      'exclude-method = "DELETE"',
                      f'parameters = {{ "path.id" = "{id}" }}']
        return '\n'.join([*lines, '[[operations]]',
                          'include-path-regex = "^/v1/aliases/.name"',
                          'exclude-method = "DELETE"',
                          'parameters = { "path.name" = "some" }', ''])

    def test_generated_requests(self):
        directory = webservers.install_packages('schemathesis', PACKAGES)
        path = self.create_tempfiles([('settings', self.settings())],
                                     '.toml')[0]
        seed = os.environ.get('QINLING_TEST_SEED', '1')
        result = subprocess.run(
            [sys.executable, '-m', 'schemathesis.cli', '--config-file', path,
             'run', f'{self.client.url}/v1/openapi.json', '--seed', seed,
             '--max-time', str(SECONDS), '--no-color', '--warnings', 'off',
             '--checks', 'all', '--exclude-checks', ','.join(EXCLUDED_CHECKS),
             '--exclude-path-regex', EXCLUDED_PATHS],
            capture_output=True, text=True, cwd=pathlib.Path(path).parent,
            env=dict(os.environ, PYTHONPATH=str(directory)))
        self.assertEqual(0, result.returncode,
                         result.stdout[-9999:] + result.stderr[-999:])
        cases = int(re.search(r'(\d+) generated', result.stdout)[1])
        self.assertLess(MIN_CASES, cases, result.stdout[-999:])
        self.server.program.check_alive()
        self.assertNotIn('Traceback', self.server.program.log.read_text())
