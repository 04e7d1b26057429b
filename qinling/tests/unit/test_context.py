# SPDX-License-Identifier: Apache-2.0
"""Who asks, and what he may."""

from oslo_context import context as oslo_context
from oslo_policy import policy as oslo_policy
from oslotest import base

from qinling import context
from qinling import exception
from qinling import policy
from qinling.tests import fixtures


class TestContext(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.enforcer = policy.create_enforcer(
            self.useFixture(fixtures.Conf()).conf)

    def caller(self, *roles):
        return fixtures.caller('p', *roles, enforcer=self.enforcer)

    def test_without_an_enforcer_everything_is_allowed(self):
        self.assertTrue(fixtures.caller().can('function:create'))
        self.assertTrue(fixtures.caller().visible_scope().sees_all)

    def test_roles(self):
        for rule, expected in (
                ('function:get', {'reader', 'member', 'admin'}),
                ('function:create', {'member', 'admin'}),
                ('runtime:create', {'admin'}),
                ('version:get', {'reader', 'member', 'admin', 'other'})):
            self.assertEqual(expected, {
                role for role in ('reader', 'member', 'admin', 'other')
                if self.caller(role).can(rule)})

    def test_projects(self):
        member = self.caller('member', 'reader')
        foreign = {'project_id': 'q'}
        self.assertFalse(member.can('function:create', foreign))
        self.assertFalse(member.can('function:get', foreign))
        self.assertTrue(self.caller('admin').can('function:get', foreign))

    def test_a_rule_that_nobody_declared(self):
        self.assertRaises(oslo_policy.PolicyNotRegistered,
                          self.caller('admin').can, 'function:explode')

    def test_only_admins_reach_further(self):
        self.assertTrue(self.caller('admin').visible_scope().sees_all)
        for role in ('member', 'reader', 'other'):
            self.assertFalse(self.caller(role).visible_scope().sees_all)

    def test_elevation_is_of_a_copy(self):
        ctx = self.caller('reader')
        wide = ctx.elevated()
        self.assertEqual((False, True), (ctx.sees_all, wide.sees_all))
        self.assertEqual((ctx.project_id, ctx.request_id, ctx.roles),
                         (wide.project_id, wide.request_id, wide.roles))

    def test_nobody_may_but_one_thing(self):
        nobody = context.anonymous('webhook:invoke')
        self.assertTrue(nobody.can('webhook:invoke'))
        for rule in ('webhook:get', 'admin_required', 'function:create', ''):
            self.assertFalse(nobody.can(rule))
        self.assertFalse(nobody.visible_scope().sees_all)

    def test_an_owner_reaches_what_is_his(self):
        owner = context.project_owner('p')
        self.assertEqual(('p', False, False), (
            owner.project_id, owner.can('admin_required'),
            owner.visible_scope().sees_all))

    def test_the_service_itself(self):
        admin = context.admin()
        self.assertEqual((True, 'default'),
                         (admin.sees_all, admin.project_id))
        self.assertTrue(admin.can('runtime:create'))

    def test_a_new_context_is_not_that_of_the_log(self):
        one = self.caller()
        one.use_in_log()
        self.caller()
        one.elevated()
        self.assertIs(one, oslo_context.get_current())


class TestErrors(base.BaseTestCase):
    """Every error has a code and says what it is about."""

    def all(self, kind=exception.QinlingError):
        for each in kind.__subclasses__():
            yield each
            yield from self.all(each)

    def test_codes_and_sentences(self):
        class Fields(dict):
            def __missing__(self, name):
                return f'<{name}>'
        for kind in self.all():
            self.assertIn(kind.http_code, (
                400, 401, 403, 404, 405, 409, 412, 413, 422, 429, 503), kind)
            sentence = kind.msg_fmt.format_map(Fields())
            names = [part.split('>')[0] for part in sentence.split('<')[1:]]
            made = kind(**{name: f'the {name}' for name in names})
            self.assertEqual(sorted(names), sorted(made.fields))
            for name in names:
                self.assertIn(f'the {name}', str(made))

    def test_a_sentence_of_its_own(self):
        error = exception.Invalid('With {braces}.')
        self.assertEqual(('With {braces}.', {}), (str(error), error.fields))
