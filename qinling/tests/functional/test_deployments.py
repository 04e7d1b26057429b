# SPDX-License-Identifier: Apache-2.0
"""New code and new secrets under load: no accepted execution is lost."""

import json
import os
import threading

from oslotest import base

from qinling.core import secrets
from qinling.tests.functional import base as servers
from qinling.tests.functional import loads

#: Function that returns the number of its code and of its secret.
CODE = ('import os\n\n\ndef main(number, **kwargs):\n'
        '    return [{number}, int(os.environ.get("SECRET", "0"))]\n')
#: Seconds between two deployments; executions per second, and seconds.
INTERVAL_SECONDS = 0.2
RATE = int(os.environ.get('QINLING_TEST_DEPLOYMENT_RATE', '100'))
SECONDS = int(os.environ.get('QINLING_TEST_DEPLOYMENT_SECONDS', '10'))


class TestDeployments(servers.Shared, base.BaseTestCase):
    @classmethod
    def make_server(cls):
        return servers.Standalone(
            engine={'queue_timeout': 120},
            secrets={'encryption_keys': secrets.new_key()})

    def test_each_execution_runs_the_old_or_the_new_code(self):
        function = self.client.create(CODE.replace('{number}', '0'))['id']
        deployed = 0
        stop = threading.Event()
        with loads.Load(lambda: [self.client], function, RATE * SECONDS,
                        threads=16, rate=RATE) as load:
            while not stop.wait(INTERVAL_SECONDS) and load.is_running():
                deployed += 1
                self.client.form(
                    'PUT', f'/v1/functions/{function}',
                    {'secrets': json.dumps({'SECRET': str(deployed)})},
                    servers.package(CODE.replace('{number}', str(deployed))))
        self.assertEqual([], load.faults)
        rows = loads.wait_for_executions(self.client)
        self.assertEqual(set(load.accepted), {row['id'] for row in rows})
        codes = {servers.output(row)[0] for row in rows}
        self.assertGreater(len(codes), SECONDS, (codes, deployed))
        for row in rows:
            self.assertEqual(('success', 1), (row['status'], row['attempt']),
                             row)
            code, secret = servers.output(row)
            self.assertEqual(code, secret, row)
            self.assertTrue(0 <= code <= deployed, row)
