# SPDX-License-Identifier: Apache-2.0
"""Private parts of oslo.messaging that :mod:`qinling.rpc` uses.

``requirements.txt`` pins the library; a new release that renames a part fails
here and not in production.
"""

import importlib
import inspect

from oslotest import base

from qinling import message_bus


class TestMessaging(base.BaseTestCase):
    def test_option_groups(self):
        for name, options in (
                ('_metrics', 'oslo_messaging_metrics'),
                ('_tracing', 'oslo_messaging_tracing')):
            client = importlib.import_module(f'oslo_messaging.{name}.client')
            self.assertTrue(getattr(client, options))

    def test_acknowledgement_interval(self):
        """Prove that the driver reads the constant that rpc sets."""
        self.assertIn('ACK_REQUEUE_EVERY_SECONDS_MIN',
                      inspect.getsource(message_bus.amqpdriver.AMQPListener))
        self.assertEqual(
            0.2, message_bus.amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN)

    def test_draining(self):
        """Prove that the path from a server to its consumers exists."""
        base_driver = importlib.import_module('oslo_messaging._drivers.base')
        rabbit = importlib.import_module(
            'oslo_messaging._drivers.impl_rabbit')
        for holder, attribute in (
                (base_driver.PollStyleListenerAdapter,
                 '_poll_style_listener'),
                (message_bus.amqpdriver.AMQPListener,
                 '_message_operations_handler'),
                (rabbit.Connection, '_consumers'),
                (rabbit.Consumer, 'queue_name'),
                (message_bus.oslo_messaging.rpc.server.RPCServer, '_target')):
            source = ''.join(inspect.getsource(parent)
                             for parent in holder.__mro__[:-1]
                             if parent.__module__.startswith('oslo'))
            self.assertIn(f'self.{attribute} = ', source)
        self.assertTrue(callable(
            message_bus.amqpdriver.MessageOperationsHandler.do))
