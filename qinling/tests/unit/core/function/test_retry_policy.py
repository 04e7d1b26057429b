# SPDX-License-Identifier: Apache-2.0
"""Retry policies of functions."""

from oslotest import base

from qinling.core.function import retry_policy
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

ID = '11111111-2222-4333-8444-555555555555'
MINE = fixtures.caller('mine')


class TestPolicy(base.BaseTestCase):
    def test_defaults(self):
        self.assertEqual(
            {'retries': 2, 'delay': 1, 'max_age': None, 'on_failure': None},
            retry_policy.parse({'retries': 2}))
        self.assertEqual(
            {'retries': 0, 'delay': 9, 'max_age': 60, 'on_failure': None},
            retry_policy.parse(
                {'max_age': 60, 'delay': 9, 'on_failure': None}))

    def test_empty_policies_are_none(self):
        for value in ({}, {'retries': 0}, {'delay': 5}, {'on_failure': {}},
                      {'retries': None, 'max_age': None}):
            self.assertIsNone(retry_policy.parse(value), value)

    def test_failure_handlers(self):
        for handler, expected in (
                ({'function_alias': 'a'}, {'function_alias': 'a'}),
                ({'function_id': ID}, {'function_id': ID,
                                       'function_version': 0}),
                ({'function_id': ID, 'function_version': 3},
                 {'function_id': ID, 'function_version': 3}),
                ({'function_alias': 'a', 'function_id': None},
                 {'function_alias': 'a'})):
            self.assertEqual(expected, retry_policy.parse(
                {'on_failure': handler})['on_failure'])

    def test_invalid_policies_are_refused(self):
        for value in (
                [], 'x', 5, {'retry': 1}, {'retries': -1}, {'retries': 101},
                {'retries': '2'}, {'retries': 1.5}, {'retries': True},
                {'delay': 0}, {'delay': 3601}, {'max_age': 0},
                {'max_age': 10 ** 9}, {'on_failure': 'a'},
                {'on_failure': ['a']}, {'on_failure': {'x': 1}},
                {'on_failure': {'function_version': 1}},
                {'on_failure': {'function_id': ID, 'function_alias': 'a'}},
                {'on_failure': {'function_alias': 5}},
                {'on_failure': {'function_alias': 'x' * 256}},
                {'on_failure': {'function_alias': '\0'}},
                {'on_failure': {'function_id': [1]}},
                {'on_failure': {'function_id': ID, 'function_version': -1}},
                {'on_failure': {'function_id': ID, 'function_version': 'x'}},
                {'on_failure': {'function_id': ID,
                                'function_version': 2 ** 31}}):
            self.assertRaises(exception.Invalid, retry_policy.parse, value)


class TestFunctions(base.BaseTestCase):
    """Storage of policies."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.services = self.core.services

    def update(self, function, **fields):
        return self.services.functions.update(
            MINE, function.id, fields, None)

    def test_create_and_change(self):
        function = self.core.function(MINE, async_policy={'retries': 2})
        self.assertEqual(2, function.async_policy['retries'])
        function = self.update(function, name='n')
        self.assertEqual(2, function.async_policy['retries'])
        function = self.update(function, async_policy={'retries': 5})
        self.assertEqual(5, function.async_policy['retries'])
        self.assertIsNone(self.update(
            function, async_policy={}).async_policy)

    def test_changes_keep_workers_despite_jobs(self):
        function = self.core.function(MINE)
        self.services.jobs.create(MINE, {
            'function_id': function.id, 'pattern': '@daily'})
        self.update(function, async_policy={'retries': 5})
        self.assertEqual([], self.core.engine.calls)

    def test_versions_keep_their_policy(self):
        function = self.core.function(MINE, async_policy={'retries': 2})
        self.services.versions.create(MINE, function.id, None)
        self.update(function, async_policy={'retries': 3})
        version = self.services.versions.get(MINE, function.id, 1)
        self.assertEqual(2, version.async_policy['retries'])
        for number, retries in ((0, 3), (1, 2)):
            self.services.triggers.fire(MINE, fixtures.execution_request(
                function.id, function_version=number))
            target = self.core.engine.calls[-1][2]
            self.assertEqual(retries, target.async_policy['retries'])

    def test_failure_handlers_must_exist(self):
        alias = {'on_failure': {'function_alias': 'a'}}
        self.assertRaises(exception.FunctionAliasNotFound,
                          self.core.function, MINE, async_policy=alias)
        function = self.core.function(MINE)
        theirs = self.core.function(fixtures.caller('theirs'))
        for id in (ID, theirs.id):
            self.assertRaises(
                exception.FunctionNotFound, self.update, function,
                async_policy={'on_failure': {'function_id': id}})
        self.core.insert(models.FunctionAlias, name='a', project_id='mine',
                         function_id=function.id)
        self.assertEqual(alias['on_failure'], self.update(
            function, async_policy=alias).async_policy['on_failure'])
