# SPDX-License-Identifier: Apache-2.0
"""Tests of conflicting concurrent writes, on every database."""

import io

from oslotest import base

from qinling.core import secrets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

ROUNDS = 8


def return_error(action):
    """Return a function that returns the error of an action, or ``None``."""
    def call():
        try:
            action()
        except exception.QinlingError as e:
            return type(e)
    return call


class Races:
    """Tests of races on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(
            self.backend, secrets={'encryption_keys': [secrets.new_key()]}))
        self.services = self.core.services
        self.ctx = fixtures.caller()

    def test_creating_a_function_while_deleting_its_runtime(self):
        for _ in range(ROUNDS):
            runtime = self.core.runtime()
            created, deleted = database.run_together(
                return_error(lambda: self.core.function(runtime_id=runtime)),
                return_error(lambda: self.services.runtimes.delete(
                    self.ctx, runtime)))
            self.assertIn((created, deleted), (
                (None, exception.RuntimeInUse), (exception.Invalid, None)))
            status = self.core.row(models.Runtime, runtime).status
            self.assertEqual('deleting' if deleted is None else 'available',
                             status)

    def test_creating_an_execution_while_deleting_its_function(self):
        for _ in range(ROUNDS):
            function = self.core.function().id
            ran, deleted = database.run_together(
                return_error(lambda: self.services.triggers.fire(
                    self.ctx, fixtures.execution_request(function))),
                return_error(lambda: self.services.functions.delete(
                    self.ctx, function)))
            self.assertIsNone(deleted)
            self.assertIn(ran, (None, exception.FunctionNotFound))

    def test_creating_an_alias_while_deleting_its_function(self):
        for number in range(ROUNDS):
            function = self.core.function().id
            created, deleted = database.run_together(
                return_error(lambda: self.services.aliases.create(self.ctx, {
                    'name': f'a{number}', 'function_id': function})),
                return_error(lambda: self.services.functions.delete(
                    self.ctx, function)))
            self.assertIn((created, deleted), (
                (None, exception.FunctionInUse),
                (exception.FunctionNotFound, None)))

    def test_concurrent_updates_without_preconditions_succeed(self):
        function = self.core.function().id
        alias = self.services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': function}).name
        job = self.services.jobs.create(self.ctx, {
            'function_id': function, 'pattern': '0 0 1 1 *'}).id
        webhook = self.services.webhooks.create(
            self.ctx, {'function_id': function})[0].id
        runtime = self.core.runtime()
        for update, id in (
                (self.update_code, function), (self.publish, function),
                (self.set_secret, function),
                (self.services.aliases.update, alias),
                (self.services.jobs.update, job),
                (self.services.webhooks.update, webhook),
                (self.services.runtimes.update, runtime)):
            def change(number, update=update, id=id):
                field = ('name' if update == self.services.jobs.update
                         else 'description')
                update(self.ctx, id, {field: str(number)})
            self.assertEqual([None] * ROUNDS, database.run_together(*[
                return_error(lambda number=number: change(number))
                for number in range(ROUNDS)]))
        self.assertEqual(
            {str(number) for number in range(ROUNDS)},
            {row.description for row in self.services.versions.list(
                self.ctx, function, crud.Page())})
        row = self.core.row(models.Function, function)
        self.assertEqual(
            {f'S{number}': str(number) for number in range(ROUNDS)},
            self.core.backends.environments.decrypt(row.settings_id))
        self.assertEqual(1 + ROUNDS, self.core.row(
            models.Webhook, webhook).revision)

    def update_code(self, ctx, id, values):
        self.services.functions.update(ctx, id, {}, io.BytesIO(
            fixtures.archive({'main.py': values['description']})))

    def publish(self, ctx, id, values):
        self.update_code(ctx, id, values)
        self.services.versions.publish(ctx, id, values)

    def set_secret(self, ctx, id, values):
        number = values['description']
        self.services.functions.update(
            ctx, id, {'secrets': {f'S{number}': number}}, None)

    def test_concurrent_deletes_of_a_function(self):
        for _ in range(ROUNDS):
            function = self.core.function().id
            outcomes = database.run_together(*[return_error(
                lambda: self.services.functions.delete(
                    self.ctx, function))] * 2)
            self.assertEqual({None, exception.FunctionNotFound}, set(outcomes))

    def test_concurrent_executions_are_counted(self):
        function = self.core.function().id
        database.run_together(*[lambda: self.services.triggers.fire(
            self.ctx, fixtures.execution_request(function))] * ROUNDS)
        self.assertEqual(ROUNDS, self.core.row(
            models.Function, function).count)


class TestRacesOnSqlite(Races, base.BaseTestCase):
    backend = 'sqlite'


class TestRacesOnPostgresql(Races, base.BaseTestCase):
    backend = 'postgresql'


class TestRacesOnMariadb(Races, base.BaseTestCase):
    backend = 'mariadb'
