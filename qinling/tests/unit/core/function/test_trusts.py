# SPDX-License-Identifier: Apache-2.0
"""Creation and deletion of trusts."""

import contextlib
import datetime
import functools
import types
from unittest import mock

from oslotest import base

from qinling.core.function import trusts
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.sources import image
from qinling.sources import package
from qinling.sources import swift
from qinling.tests import fixtures


class FakeKeystone:
    """Keystone with trusts in a dict: id -> (roles, mark, age)."""

    def __init__(self):
        self.trusts = {}
        self.fault = None

    def _fail(self):
        if self.fault is not None:
            raise self.fault

    def caller_plugin(self, token):
        return token

    def create_trust(self, ctx, roles, owner):
        self._fail()
        id = f't{len(self.trusts)}'
        self.trusts[id] = (roles, owner, 0)
        return id

    def delete_trust(self, id):
        self._fail()
        del self.trusts[id]

    def list_trusts(self, owner, older_than):
        return [id for id, (_roles, mark, age) in self.trusts.items()
                if mark == owner and age >= older_than]


class TestTrusts(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.keystone = FakeKeystone()
        self.trusts = trusts.Trusts(
            self.core.conf, self.core.db, self.keystone)
        self.ctx = fixtures.caller('p', 'member', 'reader')
        self.ctx.auth_token = 'a token'

    def plan_create(self, trust, source, ctx=None):
        return self.trusts.plan_create(ctx or self.ctx, trust, source)

    def test_functions_with_a_trust(self):
        plain = package.Driver(self.core.conf, None)
        fetched = swift.Driver(self.core.conf, None)
        self.assertEqual([True, True, False], [
            self.plan_create(trust, plain) for trust in (None, True, False)])
        self.assertEqual([True, True], [
            self.plan_create(trust, fetched) for trust in (None, True)])
        self.assertRaises(exception.Invalid, self.plan_create, False, fetched)
        self.assertFalse(self.plan_create(None, image.Driver()))
        self.assertRaises(exception.Invalid, self.plan_create, True,
                          image.Driver())
        self.core.conf.set_override('function_tokens', False,
                                    group='keystone')
        self.assertEqual([False, True], [
            self.plan_create(None, driver) for driver in (plain, fetched)])

    def test_callers_without_keystone_get_no_trust(self):
        plain = package.Driver(self.core.conf, None)
        stranger = fixtures.caller('p', 'member')
        for planner, ctx in ((self.trusts, stranger),
                             (self.core.backends.trusts, self.ctx)):
            self.assertIsNone(planner.auth(ctx))
            self.assertFalse(planner.plan_create(ctx, None, plain))
            self.assertRaises(exception.Invalid, planner.plan_create, ctx,
                              True, plain)
        self.assertEqual(0, self.core.backends.trusts.sweep(0))
        self.core.backends.trusts.drop('t')

    def test_create(self):
        with self.trusts.created(self.ctx, False) as id:
            self.assertIsNone(id)
        with self.trusts.created(self.ctx, True) as id:
            self.assertEqual(['member'], self.keystone.trusts[id][0])
        self.assertEqual([id], list(self.keystone.trusts))

    def test_failed_requests_delete_the_trust(self):
        for fault in (ValueError, SystemExit):
            def fail(fault=fault):
                with self.trusts.created(self.ctx, True):
                    raise fault
            self.assertRaises(fault, fail)
            self.assertEqual({}, self.keystone.trusts)

    def test_faults_of_keystone(self):
        for fault, expected in (
                (exception.TemporaryError('down'), exception.Unavailable),
                (exception.PermanentError('no'), exception.Forbidden)):
            self.keystone.fault = fault
            e = self.assertRaises(
                expected, self.trusts.created(self.ctx, True).__enter__)
            self.assertIn('Trust creation failed for function', str(e))
            self.trusts.drop('t')

    def test_trust_roles_are_roles_of_the_caller(self):
        self.core.conf.set_override('trust_roles', ['x', 'reader'],
                                    group='keystone')
        with self.trusts.created(self.ctx, True) as id:
            self.assertEqual(['reader'], self.keystone.trusts[id][0])
        self.core.conf.set_override('trust_roles', ['x'], group='keystone')
        e = self.assertRaises(exception.Forbidden,
                              self.trusts.created(self.ctx, True).__enter__)
        self.assertIn('trust=false', str(e))

    def plan_update(self, ctx=None, trust_id='t', rebuilt=False, **fields):
        row = types.SimpleNamespace(
            id='f', project_id='p', trust_id=trust_id)
        return self.trusts.plan_update(
            ctx or self.ctx, row, fields,
            package.Driver(self.core.conf, None), rebuilt)

    def test_updates(self):
        self.assertIsNone(self.plan_update())
        self.assertTrue(self.plan_update(rebuilt=True))
        self.assertIsNone(self.plan_update(rebuilt=True, trust_id=None))
        self.assertTrue(self.plan_update(trust=True, trust_id=None))
        self.assertIs(False, self.plan_update(trust=False))

    def test_updates_by_another_project(self):
        admin = fixtures.caller('other', 'admin')
        admin.auth_token = 'a token'
        self.assertIsNone(self.plan_update(admin, rebuilt=True))
        self.assertIs(False, self.plan_update(admin, trust=False))
        self.assertRaises(exception.Forbidden, self.plan_update, admin,
                          trust=True)

    def test_sweep(self):
        for _ in range(2):
            with self.trusts.created(self.ctx, True):
                continue
        mark = self.keystone.trusts['t0'][1]
        self.core.insert(models.Function, trust_id='t0')
        self.keystone.trusts = {
            't0': ((), mark, 9999), 't1': ((), mark, 9999),
            'young': ((), mark, 60), 'foreign': ((), 'other', 9999)}
        self.assertEqual(1, self.trusts.sweep())
        self.assertEqual({'t0', 'young', 'foreign'},
                         set(self.keystone.trusts))

    def test_executions_keep_a_replaced_trust(self):
        for _ in range(2):
            with self.trusts.created(self.ctx, True):
                continue
        self.core.insert(models.Function, trust_id='t1')
        for id in ('t0', None):
            self.core.db.write(functools.partial(
                trusts.replace,
                function=types.SimpleNamespace(id='f', trust_id=id)))
        self.keystone.trusts = {
            id: (roles, mark, 9999)
            for id, (roles, mark, _) in self.keystone.trusts.items()}
        self.assertEqual(0, self.trusts.sweep())
        self.assertEqual({'t0', 't1'}, set(self.keystone.trusts))
        self.core.db.write(lambda tx: crud.update_all(
            tx, models.ReplacedTrust, {
                'replaced_at': models.now() - datetime.timedelta(hours=2)}))
        self.assertEqual(1, self.trusts.sweep())
        self.assertEqual({'t1'}, set(self.keystone.trusts))
        self.assertEqual(0, self.core.db.read(
            crud.count, models.ReplacedTrust))

    def test_mark_is_unique_per_database(self):
        same_database = trusts.Trusts(self.core.conf, self.core.db,
                                      self.keystone)
        self.assertEqual(self.trusts._database_id(),
                         same_database._database_id())
        other_core = self.useFixture(fixtures.Core())
        other_database = trusts.Trusts(other_core.conf, other_core.db,
                                       self.keystone)
        self.assertNotEqual(self.trusts._database_id(),
                            other_database._database_id())


class TestUpdate(base.BaseTestCase):
    def test_change_of_the_trust_alone(self):
        core = self.useFixture(fixtures.Core())
        functions, ctx = core.services.functions, fixtures.caller('mine')
        function = core.function(ctx)
        keeper = functions._backends.trusts
        for planned, id in ((True, 'a trust'), (False, None)):
            with mock.patch.object(keeper, 'plan_update',
                                   return_value=planned), \
                    mock.patch.object(keeper, 'created', return_value=(
                        contextlib.nullcontext(id))), \
                    mock.patch.object(keeper, 'drop') as drop:
                row = functions.update(
                    ctx, function.id, {'trust': planned}, None)
            self.assertEqual(id, row.trust_id)
        drop.assert_called_once_with('a trust')

    def test_a_former_trust_is_left_to_the_sweep(self):
        core = self.useFixture(fixtures.Core())
        functions, ctx = core.services.functions, fixtures.caller('mine')
        function = core.function(ctx)
        keeper = functions._backends.trusts
        for id in ('first', 'second'):
            with mock.patch.object(keeper, 'plan_update',
                                   return_value=True), \
                    mock.patch.object(keeper, 'created', return_value=(
                        contextlib.nullcontext(id))), \
                    mock.patch.object(keeper, 'drop') as drop:
                functions.update(ctx, function.id, {'trust': True}, None)
            drop.assert_not_called()
        self.assertEqual(['first'], core.db.read(
            crud.select_values, models.ReplacedTrust.id))
        with mock.patch.object(keeper, 'drop') as drop:
            functions.delete(ctx, function.id)
        self.assertEqual([mock.call('second'), mock.call('first')],
                         drop.call_args_list)
        self.assertEqual(0, core.db.read(crud.count, models.ReplacedTrust))
