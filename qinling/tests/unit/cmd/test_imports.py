# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys

from oslotest import base

PROGRAM = '''
import gc, json, sys
counts = []
gc.callbacks.append(lambda phase, info: phase == 'start'
                    and counts.append(info['generation']))
usual = gc.get_threshold()
import qinling.cmd.process
during = len([generation for generation in counts if generation == 2])
qinling.cmd.finish_imports()
print(json.dumps({'full collections': during, 'frozen': gc.get_freeze_count(),
                  'as usual': gc.get_threshold() == usual}))
'''


class TestImports(base.BaseTestCase):

    def test_no_garbage_is_looked_for_among_imports(self):
        result = json.loads(subprocess.run(
            [sys.executable, '-c', PROGRAM], check=True, timeout=60,
            capture_output=True).stdout)
        self.assertEqual(0, result['full collections'])
        self.assertGreater(result['frozen'], 100_000)
        self.assertTrue(result['as usual'])

    def test_a_local_run_imports_no_database(self):
        modules = subprocess.run(
            [sys.executable, '-c',
             'import sys, qinling.cmd.local; print(*sys.modules)'],
            check=True, timeout=60, capture_output=True, text=True
        ).stdout.split()
        self.assertIn('qinling.engine.run.local', modules)
        self.assertEqual(set(), {'sqlalchemy', 'pecan', 'oslo_messaging'} & {
            *modules})
