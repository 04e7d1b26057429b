# SPDX-License-Identifier: Apache-2.0
"""Tests of the Python client for asyncio."""

import asyncio
import inspect
import typing

from oslotest import base

from qinling.client import aio
from qinling.client import exceptions
from qinling.client import v1
from qinling.client.v1 import base as nouns
from qinling.tests.unit.client import stub


class TestClient(base.BaseTestCase):
    def client(self, *answers):
        server = stub.Server(*answers)
        client = aio.Client('http://qinling.test')
        client._client = server.client()
        return client

    def test_resource(self):
        client = self.client(stub.answer(body={'id': 'a'}, ETag='"1"'))
        row = asyncio.run(client.functions.get('a'))
        self.assertEqual(({'id': 'a'}, '"1"'), (row, row.etag))

    def test_pages(self):
        client = self.client(
            stub.answer(body={'functions': [{'id': 'a'}, {'id': 'b'}],
                              'next': 'http://qinling.test/v1/functions'
                                      '?marker=b'}),
            stub.answer(body={'functions': [{'id': 'c'}]}))

        async def read():
            return [row['id'] async for row in client.functions.list()]
        self.assertEqual(['a', 'b', 'c'], asyncio.run(read()))

    def test_failure(self):
        client = self.client(stub.answer(404, body={'faultstring': 'Gone'}))
        self.assertRaises(exceptions.HttpError, asyncio.run,
                          client.functions.get('a'))

    def test_document(self):
        client = self.client(stub.answer(body={'openapi': '3.1.0'}))
        self.assertEqual({'openapi': '3.1.0'}, asyncio.run(client.openapi()))

    def test_each_method_is_an_iterator_or_a_coroutine(self):
        client = self.client()
        iterators = set()
        for name, collection in vars(client._client).items():
            if not isinstance(collection, nouns.Collection):
                continue
            for method, function in inspect.getmembers(
                    collection, inspect.ismethod):
                if method.startswith('_'):
                    continue
                hint = typing.get_type_hints(function)['return']
                call = getattr(getattr(client, name), method)
                is_iterator = call.func is aio._iterate
                self.assertEqual(
                    'Iterator' in str(hint), is_iterator, (name, method))
                if is_iterator:
                    iterators.add(f'{name}.{method}')
        self.assertLessEqual({'functions.list', 'executions.stream',
                              'executions.follow_log'}, iterators)

    def test_parameters_are_those_of_the_client(self):
        self.assertRaises(exceptions.ClientError, aio.Client)
        self.assertIsInstance(
            aio.Client('http://qinling.test')._client, v1.Client)
