# SPDX-License-Identifier: Apache-2.0
"""Resolution of targets, and references to a function."""

import dataclasses

from oslotest import base

from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import databases
from qinling.tests import fixtures

MINE, THEIRS = fixtures.caller('mine'), fixtures.caller('theirs')


class TargetsTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.db = self.useFixture(databases.Database()).db
        self.runtime = self.insert(models.Runtime, status='available')
        self.function = self.insert(
            models.Function, runtime_id=self.runtime, package='latest',
            entry='now.main', cpu=300, timeout=9, code={'source': 'package',
                                                        'md5sum': 'now'})

    def insert(self, model, **values):
        values = databases.sample(model, **{'project_id': 'mine', **values})
        return self.db.write(lambda tx: crud.insert(tx, model, **values))

    def version(self, number, **values):
        return self.insert(models.FunctionVersion, **{
            'function_id': self.function, 'version_number': number,
            'runtime_id': self.runtime, 'entry': 'then.main',
            'package': f'of {number}', **values})

    def alias(self, version=0, **values):
        return self.insert(models.FunctionAlias, **{
            'function_id': self.function, 'function_version': version,
            'name': f'to-{version}', **values})


class TestResolve(TargetsTest):
    """Resolve functions, versions and aliases."""

    def resolve(self, *args, ctx=MINE, **kwargs):
        return self.db.read(
            lambda tx: targets.resolve(tx, ctx, *args, **kwargs))

    def check_missing(self, kind, *args, **kwargs):
        error = self.assertRaises(kind, self.resolve, *args, **kwargs)
        self.assertEqual(404, error.http_code)
        return str(error)

    def test_latest_code(self):
        self.assertEqual(targets.Target(
            project_id='mine', function_id=self.function, version=0,
            alias=None, runtime_id=self.runtime, runtime_status='available',
            code={'source': 'package', 'md5sum': 'now'}, package='latest',
            entry='now.main', cpu=300, memory_size=33554432, timeout=9),
            self.resolve(self.function))

    def test_versions_keep_their_runtime_and_limits(self):
        runtime = self.insert(models.Runtime, status='error')
        self.version(1, runtime_id=runtime, cpu=200, timeout=3)
        target = self.resolve(self.function, 1)
        self.assertEqual(
            ('of 1', 'then.main', 200, 3, runtime, 'error', 1),
            (target.package, target.entry, target.cpu, target.timeout,
             target.runtime_id, target.runtime_status, target.version))

    def test_unknown_version(self):
        self.version(1)
        self.assertIn(self.function, self.check_missing(
            exception.FunctionVersionNotFound, self.function, 2))

    def test_unknown_function(self):
        for id in ('none', '', None):
            self.assertIn(f'[id={id}]', self.check_missing(
                exception.FunctionNotFound, id))

    def test_functions_of_other_projects(self):
        self.version(1)
        for version in (0, 1, 2):
            self.check_missing(exception.FunctionNotFound, self.function,
                               version, ctx=THEIRS)
        target = self.resolve(self.function, ctx=THEIRS.elevated())
        self.assertEqual('mine', target.project_id)

    def test_alias(self):
        self.version(3)
        for version in (0, 3):
            self.alias(version)
            target = self.resolve(alias=f'to-{version}')
            self.assertEqual(
                dataclasses.replace(self.resolve(self.function, version),
                                    alias=f'to-{version}'), target)

    def test_aliases_take_precedence(self):
        self.alias()
        self.assertEqual(self.function, self.resolve(
            'none', 0, 'to-0').function_id)

    def test_chosen_version_replaces_that_of_an_alias(self):
        for number in (1, 2):
            self.version(number)
        self.alias(1)
        for version, expected in ((0, 1), (1, 1), (2, 2)):
            target = self.resolve(None, version, 'to-1')
            self.assertEqual((expected, 'to-1', f'of {expected}'), (
                target.version, target.alias, target.package))
        self.check_missing(exception.FunctionVersionNotFound, None, 3,
                           'to-1')

    def test_aliases_belong_to_the_project_of_the_caller(self):
        self.alias(name='prod')
        function_id = self.insert(models.Function, project_id='theirs',
                                  runtime_id=self.runtime)
        for ctx in (THEIRS, THEIRS.elevated()):
            self.assertIn('prod', self.check_missing(
                exception.FunctionAliasNotFound, alias='prod', ctx=ctx))
        self.alias(name='prod', project_id='theirs', function_id=function_id)
        for ctx, expected in ((MINE, self.function), (THEIRS, function_id),
                              (THEIRS.elevated(), function_id)):
            self.assertEqual(expected, self.resolve(
                alias='prod', ctx=ctx).function_id)

    def test_unknown_alias(self):
        self.alias(name='prod')
        for name in ('Prod', 'prod ', 'pro', '', '%'):
            self.check_missing(exception.FunctionAliasNotFound, alias=name)

    def test_alias_of_a_deleted_version(self):
        self.alias(4)
        self.check_missing(exception.FunctionVersionNotFound, alias='to-4')

    def test_image_functions_have_no_runtime(self):
        id = self.insert(models.Function, code={'source': 'image'})
        target = self.resolve(id)
        self.assertEqual((None, None),
                         (target.runtime_id, target.runtime_status))

    def test_fingerprint(self):
        target = self.resolve(self.function)
        for name, value in (('package', 'x'), ('entry', 'x'), ('cpu', 1),
                            ('memory_size', 1), ('runtime_id', 'x'),
                            ('offline', True)):
            self.assertNotEqual(
                target.fingerprint,
                dataclasses.replace(target, **{name: value}).fingerprint)
        for name, value in (('timeout', 1), ('alias', 'x'),
                            ('runtime_status', 'error')):
            self.assertEqual(
                target.fingerprint,
                dataclasses.replace(target, **{name: value}).fingerprint)
        self.assertEqual((self.function, 0), target.function_key)

    def test_targets_can_be_rebuilt_from_a_dict(self):
        target = self.resolve(self.function)
        self.assertEqual(target, targets.Target(
            **dataclasses.asdict(target)))


class TestReferences(TargetsTest):
    """References that prevent a deletion."""

    def list_references(self, version=None):
        return [str(reference) for reference in self.db.read(
            lambda tx: targets.references(tx, self.function, version))]

    def test_unused_functions_have_no_references(self):
        self.insert(models.Execution, function_id=self.function)
        self.insert(models.Job, function_id='other')
        self.insert(models.Webhook)
        self.assertEqual([], self.list_references())

    def test_direct_references(self):
        self.alias()
        jobs = [self.insert(models.Job, function_id=self.function,
                            status=status)
                for status in ('running', 'paused', 'done', 'cancelled')]
        webhook = self.insert(models.Webhook, function_id=self.function)
        self.assertEqual(
            {'alias to-0', f'webhook {webhook}', f'job {jobs[0]}',
             f'job {jobs[1]}'}, set(self.list_references()))

    def test_references_by_alias(self):
        self.alias()
        job = self.insert(models.Job, function_alias='to-0')
        self.insert(models.Job, function_alias='to-0', project_id='theirs')
        self.insert(models.Job, function_alias='to-0', status='done')
        webhook = self.insert(models.Webhook, function_alias='to-0')
        self.assertEqual(['alias to-0', f'job {job} (through alias to-0)',
                          f'webhook {webhook} (through alias to-0)'],
                         self.list_references())

    def test_references_to_a_version(self):
        self.version(1)
        self.alias(1)
        running = self.insert(models.Execution, function_id=self.function,
                              function_version=1)
        self.insert(models.Execution, function_id=self.function,
                    function_version=1, status='success')
        job = self.insert(models.Job, function_id=self.function,
                          function_version=1)
        self.insert(models.Job, function_id=self.function,
                    function_version=2)
        self.assertEqual(
            {'alias to-1', f'job {job}', f'execution {running}'},
            set(self.list_references(1)))

    def test_weights_are_references(self):
        alias = self.alias(2)
        self.insert_route(alias, 1)
        self.assertEqual(['alias to-2'], self.list_references(1))
        self.assertEqual([], self.list_references(3))

    def insert_route(self, alias, version):
        self.db.write(lambda tx: crud.insert(
            tx, models.AliasRoute, alias_id=alias, function_version=version,
            weight=1.0, low=0, high=2 ** 32))

    def test_references_are_limited(self):
        for _ in range(targets.MAX_REFERENCES + 5):
            self.insert(models.Webhook, function_id=self.function)
        self.assertEqual(targets.MAX_REFERENCES, len(self.list_references()))
