# SPDX-License-Identifier: Apache-2.0
"""Tests of ``-c`` with commands on one resource."""

import json

from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_runs

ID = test_runs.ID


class TestColumns(test_runs.Case):
    def refuse(self, words):
        """Return the error of a command without a request."""
        self.run_command(words, code=1)
        self.assertEqual([], self.paths, words)
        return self.errors

    def test_unknown_columns(self):
        for words in (
                f'function version create {ID} -c function_version',
                f'function version create {ID} -c id -c function_version',
                f'job run {ID} -c nothing',
                f'function alias create prod --function {ID} '
                '-c function_version -c version',
                f'function version create {ID} --dry-run -c id',
                f'function execution create --function {ID} --dry-run -c id',
                'function execution create --batch /dev/null -c id',
                'function operation create delete --all --dry-run -c id',
                'function execution rerun --filter status=failed --yes '
                '-c nothing'):
            self.assertIn('There is no column', self.refuse(words))
        self.assertEqual(
            "There is no column 'versionnumber'. Did you mean: "
            'version_number?\n', self.refuse(
                f'function version create {ID} -c versionnumber'))

    def test_known_columns(self):
        out = self.run_command(
            f'function version create {ID} -c Version_Number -c etag '
            '-f json', {'version_number': 3})
        self.assertEqual({'version_number': 3, 'etag': ''}, json.loads(out))
        out = self.run_command(
            'function operation create delete --all --dry-run -c total '
            '-f value', {'total': 4})
        self.assertEqual('4\n', out)

    def test_column_of_a_later_operation(self):
        server = stub.Server(stub.answer(body={'total': 2}))
        code, out, errors = server.run(
            'function', 'execution', 'rerun', '--filter', 'status=failed',
            '--dry-run', '-c', 'total', '-f', 'value')
        self.assertEqual((0, '2\n'), (code, out), errors)
