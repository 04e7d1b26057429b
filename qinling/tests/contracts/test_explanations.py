# SPDX-License-Identifier: Apache-2.0
"""Explanations of requests, on every database: nothing is written."""

import sqlalchemy

from oslotest import base

from qinling.core import explain
from qinling.db import crud
from qinling.db import models
from qinling.db import rehearsal
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

REQUIREMENTS = fixtures.archive(
    {'main.py': 'def main():\n    return 1\n', 'requirements.txt': 'x==1'})


class Explanations:
    """Tests on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.services = self.core.services
        self.ctx = fixtures.caller()
        self.function = self.core.function(self.ctx, name='greeter').id
        self.explainer = self.services.explainer

    def dump(self):
        """Return all rows of all tables."""
        return self.core.db.read(lambda tx: {
            table.name: sorted(map(repr, tx.execute(sqlalchemy.select(table))))
            for table in models.Base.metadata.sorted_tables})

    def check(self, explain_request, *effects, refusal=None):
        """Return an explanation that must write nothing."""
        before = self.dump()
        explanation = explain_request()
        self.assertEqual(before, self.dump())
        self.assertEqual((refusal is None, refusal), (
            explanation.allowed, explanation.refusal))
        self.assertEqual([], [effect for effect in effects
                              if effect not in explanation.effects],
                         explanation.effects)
        self.assertEqual([], self.core.engine.calls)
        return explanation

    def publish(self, **values):
        return self.explainer.publication(self.ctx, self.function, values)

    def execute(self, **values):
        return self.explainer.execution(
            self.ctx, fixtures.execution_request(**values))

    def test_publication(self):
        target, = self.check(self.publish,
                             'The current code becomes version 1.',
                             'It is the first version.').targets
        self.assertEqual(('greeter', 0, 1, 'main.main', []), (
            target.function_name, target.function_version, target.share,
            target.entry, target.problems))
        self.services.versions.create(self.ctx, self.function, None)
        self.check(self.publish, 'The current code becomes version 2.',
                   'Since version 1, nothing has changed.')
        self.services.functions.update(
            self.ctx, self.function, {'timeout': 9}, None)
        self.check(self.publish,
                   'Since version 1, these settings have changed: timeout.')
        self.core.conf.set_override('max_versions', 1,
                                    group='resource_limits')
        self.check(self.publish, refusal=str(exception.FunctionVersionLimit(
            id=self.function, limit=1)))
        self.check(lambda: self.publish(tags='x'),
                   refusal='tags must be a list of texts.')

    def test_publication_with_retention(self):
        self.services.functions.update(
            self.ctx, self.function, {'keep_versions': 1}, None)
        for _ in range(2):
            self.services.versions.create(self.ctx, self.function)
        self.core.engine.calls.clear()
        packages = self.core.packages()
        self.check(self.publish, 'Old version 2 is deleted.')
        self.services.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function,
            'function_version': 2})
        self.check(self.publish, 'Old version 2 stays: alias a.')
        self.assertEqual(packages, self.core.packages())

    def test_chosen_version(self):
        for _ in range(2):
            self.services.versions.create(self.ctx, self.function)
        self.services.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function,
            'function_version': 1})
        target, = self.check(
            lambda: self.execute(function_alias='a', chosen_version=2),
            'The request chooses version 2 in place of alias a.').targets
        self.assertEqual(2, target.function_version)

    def test_alias(self):
        for _ in range(2):
            self.services.versions.create(self.ctx, self.function, None)
        values = {'name': 'prod', 'function_id': self.function,
                  'function_version': 1}
        self.check(lambda: self.explainer.alias(self.ctx, values),
                   'Alias prod runs version 1.')
        self.services.aliases.create(self.ctx, values)
        self.check(lambda: self.explainer.alias(self.ctx, values),
                   refusal=str(exception.FunctionAliasExists(name='prod')))
        job = self.services.jobs.create(self.ctx, {
            'function_alias': 'prod', 'pattern': '@daily'})
        self.services.rollouts.start(self.ctx, 'prod',
                                     {'function_version': 2})
        explanation = self.check(
            lambda: self.explainer.alias(
                self.ctx, {'routing': {'0': 0.25, '2': 0.75}}, 'prod'),
            'The rollout of the alias ends.',
            f'These follow the alias: job {job.id} (through alias prod).')
        self.assertIn('then it runs the current code for 25.0%, version 2 for '
                      '75.0%.', explanation.effects[0])
        self.assertEqual([(0, 0.25), (2, 0.75)], [
            (target.function_version, target.share)
            for target in explanation.targets])
        self.check(lambda: self.explainer.alias(
            self.ctx, {'description': 'd'}, 'prod'),
            'The target of the alias stays.')
        self.check(lambda: self.explainer.alias(
            self.ctx, {'function_version': 9}, 'prod'),
            refusal=str(exception.FunctionVersionNotFound(
                id=self.function, version=9)))
        self.assertRaises(exception.FunctionAliasNotFound,
                          self.explainer.alias, self.ctx, {}, 'none')

    def test_triggers(self):
        explanation = self.check(lambda: self.explainer.job(self.ctx, {
            'function_id': self.function, 'pattern': '30 4 * * *'}))
        self.assertEqual(explain.FIRE_TIMES,
                         explanation.effects[0].count(' 04:30:00'))
        self.check(lambda: self.explainer.webhook(
            self.ctx, {'function_id': self.function}),
            'Every sender who knows the URL can run the function.')
        source = {'function_id': self.function, 'kind': 'redis', 'settings': {
            'url': 'redis://redis.test', 'stream': 's'}}
        self.check(lambda: self.explainer.event_source(self.ctx, source),
                   'An execution gets a single event.')
        self.check(lambda: self.explainer.event_source(self.ctx, {
            **source, 'batch_size': 5, 'filter': {'types': ['a']}}),
            'An execution gets up to 5 events that fit the filter.')
        self.assertIn('needs url', self.explainer.event_source(
            self.ctx, {**source, 'settings': {}}).refusal)
        self.services.quotas.update(self.ctx.project_id,
                                    {'jobs': 0, 'webhooks': 0})
        for create in (self.explainer.job, self.explainer.webhook):
            explanation = create(self.ctx, {
                'function_id': self.function, 'pattern': '@daily'}
                if create == self.explainer.job else
                {'function_id': self.function})
            self.assertIn('Quota exceeded', explanation.refusal)
            # What would run is explained nevertheless.
            self.assertEqual(1, len(explanation.targets))

    def test_execution(self):
        for _ in range(2):
            self.services.versions.create(self.ctx, self.function, None)
        self.services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': self.function,
            'routing': {'1': 0.5, '2': 0.5}})
        self.assertEqual([1, 2], [
            target.function_version for target in self.check(
                lambda: self.execute(function_alias='prod')).targets])
        explanation = self.check(lambda: self.execute(
            function_alias='prod', routing_key='me'))
        row = self.services.triggers.fire(
            self.ctx, fixtures.execution_request(
                function_alias='prod', routing_key='me'))
        self.assertEqual([row.function_version], [
            target.function_version for target in explanation.targets])
        self.assertIn("Routing key 'me' is at 15.3% of alias prod; version 1 "
                      'has 0.0% to 50.0%.', explanation.effects)

    def control(self, **settings):
        """Return the id of a function with a flow control."""
        return self.core.function(
            self.ctx, flow_control={'key': '$.who', **settings}).id

    def start(self, function):
        self.services.triggers.fire(self.ctx, fixtures.execution_request(
            function_id=function, input='{"who": "ada"}', sync=False))
        self.core.engine.calls.clear()

    def test_flow_control_with_a_line(self):
        function = self.control(concurrency=1, rate={'limit': 9, 'period': 60})
        request = {'function_id': function, 'input': '{"who": "ada"}',
                   'sync': False}
        limits = ('Flow control for each $.who: at most 1 at a time; at most '
                  '9 starts in 60 s.')
        self.check(lambda: self.execute(**request), limits,
                   "The execution starts at once in the line of the key "
                   "'ada'.")
        self.start(function)
        self.check(lambda: self.execute(**request), limits,
                   'The execution waits for concurrency, at place 1 of the '
                   "line of the key 'ada'.")
        self.assertIn('try again', self.execute(
            **dict(request, sync=True)).refusal)
        self.services.aliases.create(self.ctx, {
            'name': 'alone', 'function_id': function,
            'flow_control': {'concurrency': 2}})
        self.check(lambda: self.execute(function_alias='alone', sync=False),
                   'Flow control: at most 2 at a time.',
                   "The execution starts at once in the line of the key ''.")
        self.check(lambda: self.explainer.job(self.ctx, {
            'function_id': function, 'pattern': '0 * * * *'}), limits)

    def test_flow_control_that_cancels(self):
        request = {'input': '{"who": "ada"}', 'sync': False}
        oldest = self.control(singleton='oldest')
        self.start(oldest)
        self.check(lambda: self.execute(function_id=oldest, **request),
                   'Flow control for each $.who: one at a time, and later '
                   'ones are cancelled.',
                   'The execution ends as cancelled at once, since an earlier '
                   "one in the line of the key 'ada' has not ended.")
        newest = self.control(singleton='newest')
        self.start(newest)
        self.check(lambda: self.execute(function_id=newest, **request),
                   "Earlier executions in the line of the key 'ada' end as "
                   'cancelled: 1.')
        last = self.control(debounce={'period': 5})
        effects = self.check(
            lambda: self.execute(function_id=last, **request),
            'Flow control for each $.who: the last one starts after 5 s '
            'without another, at most 50 s after the first.').effects
        self.assertIn('waits for debounce, at place 1', effects[0])
        self.assertIn('omit sync', self.execute(
            function_id=last).refusal)

    def test_problems(self):
        self.services.quotas.update(
            self.ctx.project_id, {'concurrent_executions': 0})
        self.assertIn('Quota exceeded', self.execute(
            function_id=self.function).refusal)
        self.services.quotas.delete(self.ctx.project_id)
        runtime = self.services.functions.get(
            self.ctx, self.function).runtime_id
        self.core.db.write(lambda tx: crud.update_all(
            tx, models.Runtime, {'status': 'error', 'status_reason': 'why'}))
        self.check(lambda: self.execute(function_id=self.function),
                   refusal=f'Runtime {runtime} has the status error: why')
        self.assertEqual(
            str(exception.FunctionNotFound(id='none')),
            self.execute(function_id='none').refusal)

    def test_dependencies(self):
        function = self.core.function(self.ctx, REQUIREMENTS)
        self.core.engine.calls.clear()
        target, = self.check(
            lambda: self.execute(function_id=function.id)).targets
        self.assertEqual(['The dependencies are not installed yet; executions '
                          'wait for them.'], target.notes)
        self.core.db.write(lambda tx: crud.insert(
            tx, models.Build, digest=function.code['dependencies']['sha256'],
            kind='pip', environment='e', status='failed',
            status_reason='no x'))
        self.check(lambda: self.execute(function_id=function.id),
                   refusal='The dependencies could not be installed: no x')

    def test_failed_write_spoils_nothing(self):
        def run(db):
            for number in (1, 1, 2):
                try:
                    db.write(lambda tx: crud.insert(
                        tx, models.Quota, project_id=str(number)))
                except crud.DuplicateEntry:
                    continue
            return db.read(lambda tx: crud.count(tx, models.Quota))
        self.assertEqual(2, rehearsal.rehearse(self.core.db, run))
        self.assertEqual(0, self.core.db.read(
            lambda tx: crud.count(tx, models.Quota)))

    def test_explanations_beside_writes(self):
        results = database.run_together(*[self.publish] * 3, *[
            lambda: self.services.versions.create(
                self.ctx, self.function, None)] * 3)
        self.assertTrue(all(result.allowed for result in results[:3]))
        self.assertEqual([1, 2, 3], sorted(
            row.version_number for row in results[3:]))


class TestSqlite(Explanations, base.BaseTestCase):
    backend = 'sqlite'


class TestMariadb(Explanations, base.BaseTestCase):
    backend = 'mariadb'


class TestPostgresql(Explanations, base.BaseTestCase):
    backend = 'postgresql'
