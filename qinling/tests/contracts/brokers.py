# SPDX-License-Identifier: Apache-2.0
"""Places of events on the real servers of the machine."""

import contextlib
import importlib
import socket
import unittest
import uuid

import kombu

from qinling.tests import databases

RABBITMQ, REDIS = ('127.0.0.1', 5672), ('127.0.0.1', 6379)


def require(address, name):
    """Skip the test without a server."""
    try:
        socket.create_connection(address, 2).close()
    except OSError as e:
        raise unittest.SkipTest(f'There is no {name} at {address}: {e}')


def require_library(name):
    """Return a module; skip the test without it."""
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise unittest.SkipTest(f'The library {name} is not installed: {e}')


class Rabbit(databases.Fixture):
    """Queue, and an exchange of notifications, of one test."""

    url = 'amqp://127.0.0.1:5672'

    def _setUp(self):
        require(RABBITMQ, 'RabbitMQ')
        self.name = f'q-test-{uuid.uuid4().hex[:8]}'
        self.connection = kombu.Connection(
            'amqp://guest:guest@127.0.0.1:5672//')
        self.addCleanup(self.connection.release)
        self.channel = self.connection.channel()
        self.channel.queue_declare(self.name, durable=True,
                                   auto_delete=False)
        self.exchange = f'{self.name}-exchange'
        self.channel.exchange_declare(self.exchange, 'topic', durable=False,
                                      auto_delete=False)
        self.addCleanup(self.delete)

    def delete(self):
        """Delete queue and exchange."""
        with contextlib.suppress(Exception):
            self.channel.queue_delete(self.name)
            self.channel.exchange_delete(self.exchange)

    def send(self, body, **properties):
        """Send a message to the queue."""
        properties.setdefault('serializer', 'json')
        kombu.Producer(self.channel).publish(
            body, routing_key=self.name, delivery_mode=2, **properties)

    def count(self):
        """Return the number of ready messages."""
        return self.channel.queue_declare(
            self.name, passive=True).message_count


class Redis(databases.Fixture):
    """Stream of one test."""

    url = 'redis://127.0.0.1:6379/0'

    def _setUp(self):
        require(REDIS, 'Redis')
        redis = require_library('redis')
        self.name = f'q-test-{uuid.uuid4().hex[:8]}'
        self.client = redis.Redis()
        self.addCleanup(self.client.close)
        self.addCleanup(self.client.delete, self.name)

    def send(self, **fields):
        """Add an entry; return its id as text."""
        return self.client.xadd(self.name, fields).decode()

    def count(self):
        """Return the number of unacknowledged and unread entries."""
        group, = self.client.xinfo_groups(self.name)
        return group['pending'] + group['lag']
