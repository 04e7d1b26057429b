# SPDX-License-Identifier: Apache-2.0
"""Digests of versions: publication, verification and upgrades."""

import io
import itertools
from unittest import mock

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures
from qinling.tests.unit.core.function import test_environment as environment

MINE = environment.MINE
OTHER = fixtures.archive({'main.py': 'def main(**kwargs):\n    return 2\n'})
#: Part -> columns of a version whose change must be noticed.
TAMPERED = {
    'entry': {'entry': 'main.other'}, 'limits': {'timeout': 77},
    'async_policy': {'async_policy': {'retries': 9}},
    'dependencies': {'code': {'source': 'package', 'dependencies': {
        'kind': 'pip', 'sha256': 'x'}}},
    'environment': {'settings_id': None},
    'digest': {'digest': 'sha256:0'}}


class SealTest(environment.EnvironmentTest):
    def publish(self, **fields):
        """Return a published version of a new function."""
        id = self.create(**fields).id
        return self.versions.create(MINE, id)

    def verify(self, row):
        return self.versions.verify(MINE, row.function_id,
                                    row.version_number)

    def change(self, row, **columns):
        self.core.db.write(lambda tx: crud.update(
            tx, models.FunctionVersion, row.id, columns))


class TestVerification(SealTest):
    def test_valid(self):
        row = self.publish(environment={'A': 'a'}, secrets={'S': '1'})
        result = self.verify(row)
        self.assertEqual((row.digest, row.digest, True, []), (
            result.digest, result.recomputed, result.valid, result.parts))

    def test_equal_code_has_an_equal_digest(self):
        row = self.publish()
        again = self.versions.create(MINE, row.function_id)
        self.assertEqual(row.digest, again.digest)
        self.functions.update(MINE, row.function_id, {'timeout': 9}, None)
        self.assertNotEqual(row.digest, self.versions.create(
            MINE, row.function_id).digest)

    def test_differences_have_names(self):
        for part, columns in TAMPERED.items():
            row = self.publish(environment={'A': 'a'})
            self.change(row, **columns)
            result = self.verify(row)
            self.assertEqual((False, [part]), (result.valid, result.parts))

    def test_another_package(self):
        row = self.publish()
        stored = self.core.backends.packages.put(io.BytesIO(OTHER))
        self.change(row, package=stored.key)
        self.assertEqual(['code'], self.verify(row).parts)

    def test_version_of_an_old_release(self):
        row = self.publish()
        self.change(row, digest=None, digest_parts=None)
        error = self.assertRaises(exception.Conflict, self.verify, row)
        self.assertIn('publish the code again', str(error))

    def test_missing_package(self):
        row = self.publish()
        self.change(row, package='gone')
        error = self.assertRaises(exception.NotFound, self.verify, row)
        self.assertIn('the package is gone', str(error))

    def test_publication_during_an_update(self):
        id = self.create().id
        storage = self.core.backends.packages._storage
        open_package = storage.open

        def replace(key):
            storage.open = open_package
            self.functions.update(MINE, id, {}, io.BytesIO(OTHER))
            return open_package(key)
        storage.open = replace
        row = self.versions.create(MINE, id)
        self.assertEqual(self.functions.get(MINE, id).package, row.package)
        self.assertTrue(self.verify(row).valid)

    def test_publication_of_a_lost_package(self):
        row = self.create()
        self.core.backends.packages._storage.delete(row.package)
        self.assertRaises(exception.NotFound, self.versions.create, MINE,
                          row.id)

    def test_changed_during_each_try(self):
        id = self.create().id
        versions = self.versions
        original, numbers = versions._seals.hash_code, itertools.count()

        def change(row):
            self.functions.update(MINE, id, {}, io.BytesIO(fixtures.archive(
                {'main.py': f'number = {next(numbers)}\n'})))
            return original(row)
        with mock.patch.object(versions._seals, 'hash_code', change):
            self.assertRaises(
                exception.FunctionChanged, versions.create, MINE, id)


class TestSecrets(SealTest):
    def test_latest_secrets_keep_the_digest(self):
        row = self.publish(secrets={'L': '1', 'P': '1'},
                           secret_modes={'L': 'latest'})
        self.update(row.function_id, secrets={'L': '2', 'P': '2'})
        self.assertTrue(self.verify(row).valid)
        self.assertNotEqual(row.digest, self.versions.create(
            MINE, row.function_id).digest)

    def test_executions_record_digest_and_secrets(self):
        row = self.publish(secrets={'L': '1', 'P': '1'},
                           secret_modes={'L': 'latest'})
        self.update(row.function_id, secrets={'L': '2', 'P': '2'})

        def run(number):
            return self.core.services.triggers.fire(
                MINE, fixtures.execution_request(
                    row.function_id, function_version=number))
        execution = run(1)
        self.assertEqual((row.digest, {'L': 2, 'P': 1}),
                         (execution.digest, execution.secrets))
        execution = run(0)
        self.assertEqual((None, {'L': 2, 'P': 2}),
                         (execution.digest, execution.secrets))
        self.functions.update(MINE, row.function_id, {
            'secrets': {'L': None, 'P': None}}, None)
        self.assertIsNone(run(0).secrets)
        self.assertEqual({'L': 2, 'P': 1}, run(1).secrets)


class TestUpgrades(SealTest):
    def upgrade(self, row, **values):
        return self.core.services.runtimes.update(
            MINE, row.runtime_id, dict(values, image='new'))

    def digest(self, row):
        return self.versions.get(MINE, row.function_id,
                                 row.version_number).digest

    def test_upgrade_of_the_latest_code(self):
        row = self.publish()
        self.upgrade(row)
        self.assertEqual(row.digest, self.digest(row))
        self.assertTrue(self.verify(row).valid)
        self.assertNotEqual(row.digest, self.versions.create(
            MINE, row.function_id).digest)

    def test_upgrade_of_versions(self):
        row = self.publish()
        self.upgrade(row, upgrade_versions=True)
        self.assertNotEqual(row.digest, self.digest(row))
        self.assertTrue(self.verify(row).valid)

    def test_undone_upgrade(self):
        for values in ({}, {'upgrade_versions': True}):
            row = self.publish()
            self.core.engine.answers['ensure_runtime'] = (
                exception.Unavailable(reason='none'))
            self.assertRaises(exception.Unavailable, self.upgrade, row,
                              **values)
            self.assertEqual(row.digest, self.digest(row))
            self.assertTrue(self.verify(row).valid)

    def test_changed_image(self):
        row = self.publish()
        self.core.db.write(lambda tx: crud.update(
            tx, models.Runtime, row.runtime_id, {'image': 'tampered'}))
        self.assertEqual(['runtime'], self.verify(row).parts)
