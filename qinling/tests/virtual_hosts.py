# SPDX-License-Identifier: Apache-2.0
"""Virtual hosts of the local RabbitMQ for tests."""

import atexit
import os
import shutil
import subprocess
import unittest
import uuid

import fixtures


def create_topic():
    """Return a name that no other test uses, for a topic and an exchange.

    Options of oslo.messaging decide how an exchange is declared, so that
    clouds with different options cannot share one.
    """
    return f'qinling_engine_{uuid.uuid4().hex[:12]}'


class VirtualHost(fixtures.Fixture):
    """Virtual host on the local RabbitMQ.

    Tests of this process use one after another, since each command of
    RabbitMQ starts a virtual machine; so engines need topics of their own.
    """

    _unused = []

    def _setUp(self):
        name = self._unused.pop() if self._unused else self._create()
        self.addCleanup(self._unused.append, name)
        self.url = f'rabbit://guest:guest@127.0.0.1:5672/{name}'

    @staticmethod
    def _create():
        tool = shutil.which('rabbitmqctl') or '/usr/sbin/rabbitmqctl'
        if not os.path.exists(tool):
            raise unittest.SkipTest('There is no rabbitmqctl here.')
        name = f'qinling-{uuid.uuid4().hex[:8]}'
        result = subprocess.run([tool, 'add_vhost', name], capture_output=True)
        if result.returncode:
            raise unittest.SkipTest(
                'RabbitMQ does not run on this machine.')
        atexit.register(subprocess.run, [tool, 'delete_vhost', name],
                        capture_output=True)
        subprocess.run([tool, 'set_permissions', '-p', name, 'guest',
                        '.*', '.*', '.*'], check=True, capture_output=True)
        return name
