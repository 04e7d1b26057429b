# SPDX-License-Identifier: Apache-2.0
"""Trusts: who gets one, and when it goes."""

import types

from oslotest import base

from qinling.core.function import trusts
from qinling.db import models
from qinling import exception
from qinling.sources import image
from qinling.sources import package
from qinling.sources import swift
from qinling.tests import fixtures


class FakeKeystone:
    """A Keystone that keeps trusts in a dict: id -> (roles, mark, age)."""

    def __init__(self):
        self.made = {}
        self.fault = None

    def _fail(self):
        if self.fault is not None:
            raise self.fault

    def caller_plugin(self, token):
        return token

    def create_trust(self, ctx, roles, owner):
        self._fail()
        id = f't{len(self.made)}'
        self.made[id] = (roles, owner, 0)
        return id

    def delete_trust(self, id):
        self._fail()
        del self.made[id]

    def list_trusts(self, owner, older_than):
        return [id for id, (_roles, mark, age) in self.made.items()
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

    def wanted(self, given, source, ctx=None):
        return self.trusts.plan_create(ctx or self.ctx, given, source)

    def test_who_gets_one(self):
        plain = package.Driver(self.core.conf, None)
        fetched = swift.Driver(self.core.conf, None)
        self.assertEqual([True, True, False], [
            self.wanted(given, plain) for given in (None, True, False)])
        self.assertEqual([True, True], [
            self.wanted(given, fetched) for given in (None, True)])
        self.assertRaises(exception.Invalid, self.wanted, False, fetched)
        self.assertFalse(self.wanted(None, image.Driver()))
        self.assertRaises(exception.Invalid, self.wanted, True,
                          image.Driver())
        self.core.conf.set_override('function_tokens', False,
                                    group='keystone')
        self.assertEqual([False, True], [
            self.wanted(None, each) for each in (plain, fetched)])

    def test_nobody_known_to_keystone(self):
        plain = package.Driver(self.core.conf, None)
        stranger = fixtures.caller('p', 'member')
        for asked, ctx in ((self.trusts, stranger),
                           (self.core.backends.trusts, self.ctx)):
            self.assertIsNone(asked.auth(ctx))
            self.assertFalse(asked.plan_create(ctx, None, plain))
            self.assertRaises(exception.Invalid, asked.plan_create, ctx, True,
                              plain)
        self.assertEqual(0, self.core.backends.trusts.sweep(0))
        self.core.backends.trusts.drop('t')

    def test_made(self):
        with self.trusts.created(self.ctx, False) as id:
            self.assertIsNone(id)
        with self.trusts.created(self.ctx, True) as id:
            self.assertEqual(['member'], self.keystone.made[id][0])
        self.assertEqual([id], list(self.keystone.made))

    def test_made_for_what_fails(self):
        for fault in (ValueError, SystemExit):
            def fail(fault=fault):
                with self.trusts.created(self.ctx, True):
                    raise fault
            self.assertRaises(fault, fail)
            self.assertEqual({}, self.keystone.made)

    def test_faults_of_keystone(self):
        for fault, expected in (
                (exception.TemporaryError('down'), exception.Unavailable),
                (exception.PermanentError('no'), exception.Forbidden)):
            self.keystone.fault = fault
            e = self.assertRaises(
                expected, self.trusts.created(self.ctx, True).__enter__)
            self.assertIn('Trust creation failed for function', str(e))
            self.trusts.drop('t')

    def test_roles_that_the_caller_has(self):
        self.core.conf.set_override('trust_roles', ['x', 'reader'],
                                    group='keystone')
        with self.trusts.created(self.ctx, True) as id:
            self.assertEqual(['reader'], self.keystone.made[id][0])
        self.core.conf.set_override('trust_roles', ['x'], group='keystone')
        e = self.assertRaises(exception.Forbidden,
                              self.trusts.created(self.ctx, True).__enter__)
        self.assertIn('trust=false', str(e))

    def change(self, ctx=None, trust_id='t', rebuilt=False, **fields):
        row = types.SimpleNamespace(
            id='f', project_id='p', trust_id=trust_id)
        return self.trusts.plan_update(
            ctx or self.ctx, row, fields,
            package.Driver(self.core.conf, None), rebuilt)

    def test_changes(self):
        self.assertIsNone(self.change())
        self.assertTrue(self.change(rebuilt=True))
        self.assertIsNone(self.change(rebuilt=True, trust_id=None))
        self.assertTrue(self.change(trust=True, trust_id=None))
        self.assertIs(False, self.change(trust=False))

    def test_changes_by_another_project(self):
        admin = fixtures.caller('other', 'admin')
        admin.auth_token = 'a token'
        self.assertIsNone(self.change(admin, rebuilt=True))
        self.assertIs(False, self.change(admin, trust=False))
        self.assertRaises(exception.Forbidden, self.change, admin,
                          trust=True)

    def test_sweep(self):
        for _ in range(2):
            with self.trusts.created(self.ctx, True):
                continue
        mark = self.keystone.made['t0'][1]
        self.core.insert(models.Function, trust_id='t0')
        self.keystone.made = {
            't0': ((), mark, 9999), 't1': ((), mark, 9999),
            'young': ((), mark, 60), 'foreign': ((), 'other', 9999)}
        self.assertEqual(1, self.trusts.sweep())
        self.assertEqual({'t0', 'young', 'foreign'},
                         set(self.keystone.made))

    def test_mark_is_that_of_the_database(self):
        again = trusts.Trusts(self.core.conf, self.core.db, self.keystone)
        self.assertEqual(self.trusts._database_id(), again._database_id())
        other = self.useFixture(fixtures.Core())
        stranger = trusts.Trusts(other.conf, other.db, self.keystone)
        self.assertNotEqual(self.trusts._database_id(),
                            stranger._database_id())
