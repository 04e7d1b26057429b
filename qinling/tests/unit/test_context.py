# SPDX-License-Identifier: Apache-2.0
"""Request contexts and errors."""

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
        self.enforcer = policy.Enforcer(
            self.useFixture(fixtures.Conf()).conf)

    def caller(self, *roles):
        return fixtures.caller('p', *roles, enforcer=self.enforcer)

    def test_contexts_without_an_enforcer_allow_all(self):
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

    def test_decisions_hold_for_a_moment(self):
        decided = []
        authorize = self.enforcer.authorize
        self.patch(self.enforcer, 'authorize', lambda rule, *args, **kwargs: (
            decided.append(rule), authorize(rule, *args, **kwargs))[1])
        for _ in range(3):
            self.assertTrue(self.caller('member').can('function:create'))
            self.assertFalse(self.caller('reader').can('function:create'))
            self.assertFalse(self.caller('member').can(
                'function:create', {'project_id': 'q'}))
            self.assertTrue(self.caller('member').can('function:get'))
        self.assertEqual(4, len(decided))
        self.patch(policy.time, 'monotonic',
                   lambda: self.enforcer._decisions_end)
        self.assertTrue(self.caller('member').can('function:create'))
        self.assertEqual(5, len(decided))

    def test_decisions_depend_on_all_that_policies_see(self):
        """Notice a further value of the library, which keys would lack."""
        values = dict(fixtures.caller().to_policy_values())
        self.assertEqual({*policy.CALLER_ATTRIBUTES, 'roles',
                          'service_roles'}, set(values))
        for name in policy.CALLER_ATTRIBUTES:
            caller = self.caller('admin')
            setattr(caller, name, 'all')
            self.assertTrue(self.caller('admin').can('runtime:create'))
            self.assertTrue(caller.can('runtime:create'))
        self.assertEqual(1 + len(policy.CALLER_ATTRIBUTES),
                         len(self.enforcer._decisions))
        service = self.caller('reader')
        service.service_roles = ['admin']
        self.assertFalse(service.can('runtime:create'))

    def test_projects(self):
        member = self.caller('member', 'reader')
        foreign = {'project_id': 'q'}
        self.assertFalse(member.can('function:create', foreign))
        self.assertFalse(member.can('function:get', foreign))
        self.assertTrue(self.caller('admin').can('function:get', foreign))

    def test_undeclared_rules_raise(self):
        self.assertRaises(oslo_policy.PolicyNotRegistered,
                          self.caller('admin').can, 'function:explode')

    def test_only_admins_see_all_projects(self):
        self.assertTrue(self.caller('admin').visible_scope().sees_all)
        for role in ('member', 'reader', 'other'):
            self.assertFalse(self.caller(role).visible_scope().sees_all)

    def test_elevation_returns_a_copy(self):
        ctx = self.caller('reader')
        elevated = ctx.elevated()
        self.assertEqual((False, True), (ctx.sees_all, elevated.sees_all))
        self.assertEqual((ctx.project_id, ctx.request_id, ctx.roles),
                         (elevated.project_id, elevated.request_id,
                          elevated.roles))

    def test_anonymous_contexts_have_one_rule(self):
        anonymous = context.anonymous('webhook:invoke')
        self.assertTrue(anonymous.can('webhook:invoke'))
        for rule in ('webhook:get', 'admin_required', 'function:create', ''):
            self.assertFalse(anonymous.can(rule))
        self.assertFalse(anonymous.visible_scope().sees_all)

    def test_owners_see_their_project(self):
        owner = context.project_owner('p')
        self.assertEqual(('p', False, False), (
            owner.project_id, owner.can('admin_required'),
            owner.visible_scope().sees_all))

    def test_admin_context_of_the_service(self):
        admin = context.admin()
        self.assertEqual((True, 'default'),
                         (admin.sees_all, admin.project_id))
        self.assertTrue(admin.can('runtime:create'))

    def test_new_contexts_do_not_replace_the_log_context(self):
        ctx = self.caller()
        ctx.use_in_log()
        self.caller()
        ctx.elevated()
        self.assertIs(ctx, oslo_context.get_current())


class TestErrors(base.BaseTestCase):
    """Errors have a status code and a sentence with the fields."""

    def list_subclasses(self, kind=exception.QinlingError):
        for subclass in kind.__subclasses__():
            yield subclass
            yield from self.list_subclasses(subclass)

    def test_codes_and_sentences(self):
        class Fields(dict):
            def __missing__(self, name):
                return f'<{name}>'
        for kind in self.list_subclasses():
            self.assertIn(kind.http_code, (
                400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429,
                503), kind)
            sentence = kind.msg_fmt.format_map(Fields())
            names = [part.split('>')[0] for part in sentence.split('<')[1:]]
            error = kind(**{name: f'the {name}' for name in names})
            self.assertEqual(sorted(names), sorted(error.fields))
            for name in names:
                self.assertIn(f'the {name}', str(error))

    def test_sentences_may_contain_braces(self):
        error = exception.Invalid('With {braces}.')
        self.assertEqual(('With {braces}.', {}), (str(error), error.fields))
