# SPDX-License-Identifier: Apache-2.0
"""Policy files of operators and of the first Qinling."""

import os
import pathlib
import subprocess
import sys

import fixtures as fixtures_module
from oslotest import base

from qinling import policies
from qinling import policy
from qinling.tests import fixtures

#: The sample of the first Qinling.
FORMER = '''
"context_is_admin": "role:admin or is_admin:1"
"owner": "project_id:%(project_id)s"
"admin_or_owner": "rule:context_is_admin or rule:owner"
"default": "rule:admin_or_owner"
"runtime:create": "rule:context_is_admin"
"runtime:update": "rule:context_is_admin"
"runtime:delete": "rule:context_is_admin"
"runtime_pool:get_all": "rule:context_is_admin"
"function:get_all:all_projects": "rule:context_is_admin"
"function:scale_up": "rule:context_is_admin"
"function:scale_down": "rule:context_is_admin"
"function:detach": "rule:context_is_admin"
"function_worker:get_all": "rule:context_is_admin"
"function_version:scale_up": "rule:context_is_admin"
"function_version:scale_down": "rule:context_is_admin"
"function_version:detach": "rule:context_is_admin"
"execution:get_all:all_projects": "rule:context_is_admin"
"webhook:get_all:all_projects": "rule:context_is_admin"
"job:get_all:all_projects": "rule:context_is_admin"
"function:get": "rule:default"
"execution:create": "rule:default"
"function_version:create": "rule:default"
"function_version:get": "rule:default"
"function_version:get_all": "rule:default"
"function_version:delete": "rule:default"
"function_alias:create": "rule:default"
"function_alias:get": "rule:default"
"function_alias:update": "rule:default"
"function_alias:delete": "rule:default"
"webhook:create": "rule:default"
"webhook:update": "rule:default"
"webhook:delete": "rule:default"
'''


class TestPolicyFile(base.BaseTestCase):
    def caller(self, role, text='', project='p', **options):
        """Return a caller with a role under a policy file."""
        options['policy_file'] = self.create_tempfiles(
            [('policy', text)], '.yaml')[0]
        enforcer = policy.create_enforcer(
            fixtures.configured(self, oslo_policy=options))
        return fixtures.caller(project, role, enforcer=enforcer)

    def allowed_roles(self, rules, **kwargs):
        """Return the roles for which all rules hold."""
        callers = {role: self.caller(role, **kwargs) for role in (
            'reader', 'member', 'admin', 'other')}
        roles = {rule: {role for role, ctx in callers.items()
                        if ctx.can(rule)} for rule in rules}
        self.assertEqual(1, len(set(map(frozenset, roles.values()))), roles)
        return roles[rules[0]]

    def test_rule_override(self):
        for text, expected in (
                ('', {'member', 'admin'}),
                ('"function:create": "role:other"', {'other'}),
                ('"function:create": "!"', set()),
                ('"function:create": ""',
                 {'reader', 'member', 'admin', 'other'})):
            self.assertEqual(
                expected, self.allowed_roles(['function:create'], text=text))

    def test_admin_role_override(self):
        text = '"admin_required": "role:other"'
        self.assertEqual({'other'}, self.allowed_roles(
            ['runtime:create', 'function:get_all:all_projects'], text=text))
        self.assertFalse(self.caller('admin', text).visible_scope().sees_all)
        self.assertTrue(self.caller('other', text).visible_scope().sees_all)

    def test_former_name_of_the_admin_rule(self):
        text = '"context_is_admin": "role:other"'
        self.assertEqual({'other'}, self.allowed_roles(
            ['runtime:create', 'function:get_all:all_projects',
             'function_alias:get_all:all_projects'], text=text))
        self.assertTrue(self.caller('other', text).visible_scope().sees_all)

    def test_former_name_of_the_owner_rule(self):
        text = '"admin_or_owner": "role:other and project_id:%(project_id)s"'
        self.assertEqual({'other'}, self.allowed_roles(
            ['function:get', 'function:create', 'execution:create'],
            text=text))

    def test_former_name_of_the_alias_rule(self):
        text = '"function_version:get_all:all_projects": "role:other"'
        self.assertEqual({'other'}, self.allowed_roles(
            ['function_alias:get_all:all_projects'], text=text))

    def test_new_names_take_precedence(self):
        text = ('"context_is_admin": "role:other"\n'
                '"admin_required": "role:reader"\n')
        self.assertEqual({'reader'},
                         self.allowed_roles(['runtime:create'], text=text))

    def test_sample_of_the_first_release(self):
        all_roles = {'reader', 'member', 'admin', 'other'}
        self.assertEqual({'admin'}, self.allowed_roles(
            ['runtime:create', 'function:detach', 'runtime_pool:get_all',
             'execution:get_all:all_projects',
             'function_alias:get_all:all_projects'], text=FORMER))
        self.assertEqual(all_roles, self.allowed_roles(
            ['function:get', 'execution:create', 'function_version:create',
             'function_alias:update', 'function:create', 'function:delete',
             'execution:get_log'], text=FORMER))

    def test_sample_of_the_first_release_protects_projects(self):
        ctx = self.caller('other', FORMER)
        for rule in ('function:get', 'function:create', 'execution:create'):
            self.assertFalse(ctx.can(rule, {'project_id': 'q'}), rule)
            self.assertTrue(self.caller('admin', FORMER).can(
                rule, {'project_id': 'q'}))

    def test_former_defaults(self):
        """Allow callers without the roles ``reader`` and ``member``."""
        self.assertEqual({'reader', 'member', 'admin', 'other'},
                         self.allowed_roles(['function:get',
                                             'function:create'],
                                            enforce_new_defaults=False))
        self.assertEqual({'admin'}, self.allowed_roles(
            ['runtime:create'], enforce_new_defaults=False))

    def test_files_that_cannot_be_used(self):
        for text, part in (
                ('"function:get": [', 'while parsing'),
                ('- function:get', 'cannot be used'),
                ('"function:get": "role:admin and ("\n'
                 '"function:create": "!"',
                 'these rules cannot be understood: function:get.')):
            error = self.assertRaises(ValueError, self.caller, 'admin', text)
            self.assertIn('[oslo_policy] policy_file', str(error))
            self.assertIn(part, str(error))
            self.assertNotIn('\n', str(error))

    def test_rules_without_effect_are_named(self):
        log = self.useFixture(fixtures_module.FakeLogger())
        self.caller('admin', '"function:crate": "role:x or rule:mine"\n'
                    '"mine": "role:y"\n"context_is_admin": "role:z"')
        self.assertIn('Qinling has no rule function:crate;', log.output)

    def test_old_rules_stay_while_the_file_is_wrong(self):
        ctx = self.caller('admin', '"function:create": "!"')
        path = pathlib.Path(ctx.enforcer.policy_path)
        log = self.useFixture(fixtures_module.FakeLogger())
        seconds = path.stat().st_mtime

        def decide(text):
            nonlocal seconds
            if text is None:
                path.unlink()
            else:
                seconds += 10
                path.write_text(text)
                os.utime(path, (seconds, seconds))
            ctx.enforcer.load_rules()
            ctx.enforcer.load_rules()
            return ctx.enforcer.authorize(
                'function:create', {'project_id': 'p'},
                ctx.to_policy_values(), do_raise=False)
        for text in ('"function:create": [', '- a', None):
            self.assertFalse(decide(text), text)
        self.assertEqual(3, log.output.count('The rules from before stay.'))
        self.assertTrue(decide('"function:create": "@"'))

    def test_file_that_is_missing(self):
        log = self.useFixture(fixtures_module.FakeLogger())
        policy.create_enforcer(fixtures.configured(
            self, oslo_policy={'policy_file': '/nowhere/rules.yaml'}))
        self.assertIn('there is no file /nowhere/rules.yaml', log.output)

    def test_sample_lists_all_rules(self):
        path = self.create_tempfiles([('sample', '')], '')[0]
        subprocess.run(
            [pathlib.Path(sys.executable).parent
             / 'oslopolicy-sample-generator', '--namespace', 'qinling',
             '--output-file', path], check=True, capture_output=True)
        with open(path) as file:
            sample = file.read()
        for rule in policies.list_rules():
            self.assertIn(f'"{rule.name}"', sample)
