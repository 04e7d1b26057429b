# SPDX-License-Identifier: Apache-2.0
"""Tests of the verbs of the database, and of row ownership."""

import datetime
import itertools

from oslotest import base
import sqlalchemy as sa

from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import reaper
from qinling import exception
from qinling import states
from qinling.tests.contracts import database
from qinling.tests import databases
from qinling.tests import fixtures

MINE, THEIRS = fixtures.caller('mine'), fixtures.caller('theirs')
NOUNS = {'Runtime': states.RuntimeStatus, 'Job': states.JobStatus,
         'Execution': states.ExecutionStatus}
THREADS = 8


class Tenancy(database.OnDatabase):
    """Tests of row visibility."""

    def listed(self, ctx, model, page=crud.Page()):
        return [row.id for row in self.db.read(
            lambda tx: crud.select_page(tx, ctx, model, page=page))]

    def test_rows_of_other_projects_are_hidden(self):
        for model in databases.SAMPLES:
            hidden = ({'is_public': False} if model is models.Runtime else {})
            id = self.insert(model, project_id='mine', **hidden)
            page = crud.Page(marker=id)
            self.assertEqual(id, self.get(model, id, MINE).id)
            self.assertIsNone(self.get(model, id, THEIRS))
            self.assertEqual([id], self.listed(MINE, model))
            self.assertEqual([], self.listed(THEIRS, model))
            self.assertEqual([], self.listed(MINE, model, page))
            self.assertRaises(
                exception.Invalid, self.listed, THEIRS, model, page)

    def test_elevated_sees_everything(self):
        for model in databases.SAMPLES:
            ids = {self.insert(model, project_id=project)
                   for project in ('mine', 'theirs')}
            self.assertEqual(ids, set(self.listed(MINE.elevated(), model)))
            for id in ids:
                self.assertEqual(
                    id, self.get(model, id, MINE.elevated()).id)
            self.db.write(lambda tx: crud.delete_all(tx, model))

    def test_elevation_returns_a_new_context(self):
        wide = MINE.elevated()
        self.assertFalse(MINE.sees_all)
        self.assertEqual('mine', wide.project_id)

    def test_public_runtimes_are_visible_to_all(self):
        public = self.insert(models.Runtime, project_id='mine',
                             is_public=True)
        private = self.insert(models.Runtime, project_id='mine',
                              is_public=False)
        self.assertEqual([public], self.listed(THEIRS, models.Runtime))
        self.assertEqual({public, private},
                         set(self.listed(MINE, models.Runtime)))
        self.assertEqual(public, self.get(
            models.Runtime, public, THEIRS).id)
        self.assertIsNone(self.get(models.Runtime, private, THEIRS))

    def test_get_by_several_columns(self):
        id = self.insert(models.FunctionAlias, name='prod', project_id='mine')
        self.insert(models.FunctionAlias, name='prod', project_id='theirs')
        for where in ({'name': 'prod'}, {'name': 'prod', 'id': id},
                      {'name': 'prod', 'project_id': 'mine'}):
            self.assertEqual(id, self.db.read(lambda tx: crud.get(
                tx, MINE, models.FunctionAlias, **where)).id)
        self.assertIsNone(self.db.read(lambda tx: crud.get(
            tx, MINE, models.FunctionAlias, name='prod',
            project_id='theirs')))


class Writing(database.OnDatabase):
    """Tests of writing rows."""

    def test_insert_fills_defaults(self):
        before = models.now()
        id = self.insert(models.Runtime)
        row = self.get(models.Runtime, id)
        self.assertEqual(36, len(id))
        self.assertEqual(
            (True, True, None, None, 1),
            (row.is_public, row.trusted, row.name, row.updated_at,
             row.revision))
        self.assertTrue(before <= row.created_at <= models.now())

    def test_insert_where_rows_have_no_id(self):
        alias = self.insert(models.FunctionAlias)
        self.assertEqual('', self.db.write(lambda tx: crud.insert(
            tx, models.AliasRoute, alias_id=alias, function_version=1,
            weight=0.5, low=0, high=2 ** 32)))
        rows = self.db.read(lambda tx: crud.select(tx, models.AliasRoute))
        self.assertEqual([(alias, 1, 0.5, 0, 2 ** 32)], list(map(
            tuple, rows)))

    def test_duplicates_raise(self):
        self.insert(models.FunctionAlias, name='prod')
        self.insert(models.FunctionAlias, name='prod', project_id='other')
        self.insert(models.FunctionAlias, name='Prod')
        self.assertRaises(crud.DuplicateEntry, self.insert,
                          models.FunctionAlias, name='prod')

    def test_update_changes_one_row_and_counts(self):
        ids = [self.insert(models.Function, name='old') for _ in range(2)]
        self.assertTrue(self.update(models.Function, ids[0],
                                    {'name': 'new'}))
        # The same once more is a change to the same.
        self.assertTrue(self.update(models.Function, ids[0],
                                    {'name': 'new'}))
        row, second = (self.get(models.Function, id) for id in ids)
        self.assertEqual(('new', 3), (row.name, row.revision))
        self.assertGreaterEqual(row.updated_at, row.created_at)
        self.assertEqual(('old', 1, None),
                         (second.name, second.revision, second.updated_at))
        self.assertFalse(self.update(models.Function, 'none', {'name': 'x'}))

    def test_update_with_conditions(self):
        id = self.insert(models.Function, name='old')
        self.assertFalse(self.update(
            models.Function, id, {'name': 'new'},
            models.Function.revision == 2))
        row = self.get(models.Function, id)
        self.assertEqual(('old', 1, None),
                         (row.name, row.revision, row.updated_at))
        self.assertTrue(self.update(
            models.Function, id, {'name': 'new'},
            models.Function.revision == 1, models.Function.name == 'old'))

    def test_update_with_a_cached_statement(self):
        owned = models.Execution.owner == sa.bindparam('me')
        id = self.insert(models.Execution, owner='me')
        for owner, expected in (('you', False), ('me', True)):
            self.assertEqual(expected, self.update(
                models.Execution, id, {'result': owner}, owned,
                params={'me': owner}))
        self.assertEqual('me', self.get(models.Execution, id).result)

    def test_update_with_an_expression(self):
        attempt = models.Execution.attempt
        id = self.insert(models.Execution, attempt=2, owner='x')
        self.update(models.Execution, id, {'attempt': attempt + 1,
                                           'owner': None})
        row = self.get(models.Execution, id)
        self.assertEqual((3, None), (row.attempt, row.owner))

    def test_update_of_objects(self):
        id = self.insert(models.Function)
        self.update(models.Function, id, {'code': {'a': [1, '😀']}})
        self.assertEqual({'a': [1, '😀']},
                         self.get(models.Function, id).code)

    def test_only_one_concurrent_swap_succeeds(self):
        id = self.insert(models.Function)
        won = database.run_together(*[
            lambda name=str(number): self.update(
                models.Function, id, {'name': name},
                models.Function.revision == 1) and name
            for number in range(THREADS)])
        winners = [name for name in won if name]
        row = self.get(models.Function, id)
        self.assertEqual((1, 2), (len(winners), row.revision))
        self.assertEqual(winners, [row.name])

    def test_concurrent_increments_are_counted(self):
        id = self.insert(models.Function)

        def work():
            return [self.db.write(lambda tx: crud.increment(
                tx, models.Function, 'count', 2, id=id)) for _ in range(10)]
        self.assertEqual([[True] * 10] * THREADS,
                         database.run_together(*[work] * THREADS))
        row = self.get(models.Function, id)
        self.assertEqual((20 * THREADS, 1, None),
                         (row.count, row.revision, row.updated_at))

    def test_increment_of_a_missing_row(self):
        self.assertFalse(self.db.write(lambda tx: crud.increment(
            tx, models.Function, 'count', 1, id='none')))

    def test_a_locked_row_waits(self):
        id = self.insert(models.Function)

        def step(tx):
            row = crud.get(tx, fixtures.caller(), models.Function,
                           lock=True, id=id)
            crud.update(tx, models.Function, id, {'count': row.count + 1})

        def work():
            for _ in range(10):
                self.db.write(step)
        database.run_together(*[work] * THREADS)
        self.assertEqual(10 * THREADS,
                         self.get(models.Function, id).count)

    def test_delete(self):
        ids = [self.insert(models.Runtime) for _ in range(2)]
        self.assertTrue(self.db.write(
            lambda tx: crud.delete(tx, models.Runtime, ids[0])))
        self.assertFalse(self.db.write(
            lambda tx: crud.delete(tx, models.Runtime, ids[0])))
        self.assertIsNone(self.get(models.Runtime, ids[0]))
        self.assertEqual(ids[1], self.get(models.Runtime, ids[1]).id)

    def test_concurrent_updates(self):
        id = self.insert(models.Function)
        version = models.FunctionVersion
        for number in (1, 2, 5):
            self.insert(version, function_id=id, version_number=number)
        self.insert(version, version_number=9)
        mine = version.function_id == id

        def numbers(*conditions, **kwargs):
            return [row.version_number for row in self.db.read(
                lambda tx: crud.select(tx, version, *conditions, **kwargs))]

        def read(verb, *args):
            return self.db.read(lambda tx: verb(tx, *args))
        self.assertEqual([1, 2, 5], sorted(numbers(mine)))
        self.assertEqual(2, len(numbers(mine, limit=2)))
        self.assertEqual(3, read(crud.count, version, mine))
        self.assertEqual(5, read(
            crud.max_value, version.version_number, mine))
        self.assertTrue(read(crud.exists, version, mine))
        self.db.write(lambda tx: crud.update_all(
            tx, version, {'description': 'x'}, mine))
        self.assertEqual(3, read(
            crud.count, version, version.description == 'x'))
        self.assertEqual(2, self.db.write(lambda tx: crud.delete_all(
            tx, version, mine, version.version_number < 5)))
        self.assertEqual([5], numbers(mine))
        self.db.write(lambda tx: crud.delete_all(tx, version, mine))
        self.assertIsNone(read(crud.max_value, version.version_number, mine))
        self.assertFalse(read(crud.exists, version, mine))


class Moves(database.OnDatabase):
    """Tests of status changes: only legal moves succeed."""

    def move(self, model, id, status, *conditions, **values):
        return self.db.write(lambda tx: crud.change_status(
            tx, model, id, status, *conditions, **values))

    def test_every_move(self):
        for noun, statuses in NOUNS.items():
            model, moves = getattr(models, noun), states.MOVES[noun]
            pairs = list(itertools.product(
                [status.value for status in statuses], moves))

            def work(tx):
                for old, new in pairs:
                    id = crud.insert(tx, model, **databases.sample(
                        model, status=old))
                    moved = crud.change_status(tx, model, id, new)
                    row = crud.get(tx, fixtures.caller(), model, id=id)
                    yield moved, row.status
            self.assertEqual(
                [(True, new) if old in moves[new] else (False, old)
                 for old, new in pairs],
                self.db.write(lambda tx: list(work(tx))))

    def test_no_status_returns_to_the_initial_status(self):
        for noun, first in (('Runtime', 'creating'),
                            ('Execution', 'running')):
            model = getattr(models, noun)
            id = self.insert(model)
            self.assertRaises(KeyError, self.move, model, id, first)

    def test_moves_write_values_only_on_success(self):
        id = self.insert(models.Execution, owner='me')
        self.assertFalse(self.move(
            models.Execution, id, 'success', models.Execution.owner == 'you',
            result='r'))
        self.assertIsNone(self.get(models.Execution, id).result)
        self.assertTrue(self.move(
            models.Execution, id, 'success', models.Execution.owner == 'me',
            result='r', owner=None))
        row = self.get(models.Execution, id)
        self.assertEqual(('success', 'r', None),
                         (row.status, row.result, row.owner))

    def test_only_one_concurrent_end_succeeds(self):
        id = self.insert(models.Execution)
        ends = ('success', 'failed', 'error') * 3
        won = database.run_together(*[
            lambda status=status: self.move(
                models.Execution, id, status) and status
            for status in ends])
        self.assertEqual([self.get(models.Execution, id).status],
                         [status for status in won if status])


class Sweeps(database.OnDatabase):
    """Tests of what a sweep reads."""

    def test_batches_are_bounded_by_their_inputs(self):
        past = models.now() - datetime.timedelta(seconds=9)
        for input in (None, 'x' * 40, 'x' * 40, 'x' * 99):
            self.insert(models.Execution, input=input, lease_until=past)
        self.insert(models.Execution, lease_until=None)
        conditions = [models.Execution.lease_until.is_not(None)]
        read = []
        is_cut = True
        while is_cut:
            rows, is_cut = self.db.read(
                reaper._read_batch, 90, *conditions,
                *(models.Execution.id > row.id for row in read[-1:]))
            self.assertTrue(rows)
            sizes = [len(row.input or '') for row in rows]
            self.assertTrue(sum(sizes) <= 90 or len(sizes) == 1, sizes)
            read += rows
        self.assertEqual([0, 40, 40, 99], sorted(
            len(row.input or '') for row in read))


class TestSweepsOnSqlite(Sweeps, base.BaseTestCase):
    backend = 'sqlite'


class TestSweepsOnPostgresql(Sweeps, base.BaseTestCase):
    backend = 'postgresql'


class TestSweepsOnMariadb(Sweeps, base.BaseTestCase):
    backend = 'mariadb'


class TestTenancyOnSqlite(Tenancy, base.BaseTestCase):
    backend = 'sqlite'


class TestTenancyOnPostgresql(Tenancy, base.BaseTestCase):
    backend = 'postgresql'


class TestTenancyOnMariadb(Tenancy, base.BaseTestCase):
    backend = 'mariadb'


class TestWritingOnSqlite(Writing, base.BaseTestCase):
    backend = 'sqlite'


class TestWritingOnPostgresql(Writing, base.BaseTestCase):
    backend = 'postgresql'


class TestWritingOnMariadb(Writing, base.BaseTestCase):
    backend = 'mariadb'


class TestMovesOnSqlite(Moves, base.BaseTestCase):
    backend = 'sqlite'


class TestMovesOnPostgresql(Moves, base.BaseTestCase):
    backend = 'postgresql'


class TestMovesOnMariadb(Moves, base.BaseTestCase):
    backend = 'mariadb'
