# SPDX-License-Identifier: Apache-2.0
"""Every route enforces a declared policy."""

import itertools

from qinling.api import app
from qinling.api import root
from qinling.db import models
from qinling import exception
from qinling import policies
from qinling.policies import base as roles
from qinling import policy
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

#: Policies of routes without an identity.
PUBLIC = {'version:get', 'openapi:get', 'webhook:invoke'}
ADMINS = {'runtime:create', 'runtime:update', 'runtime:delete',
          'runtime_pool:get_all', 'function:scale_up', 'function:scale_down',
          'function:detach', 'function:provision',
          'function_version:provision', 'function_worker:get_all',
          'function_version:scale_up', 'function_version:scale_down',
          'function_version:detach', 'quota:update', 'quota:delete',
          'budget:update', 'budget:delete'}
DESCRIPTIONS = {('GET', '/v1/openapi.json'), ('GET', '/v1/docs'),
                ('GET', '/v1/docs.css')}
INVOKE = {('POST', f'/v1/webhooks/{{id}}{variant}/invoke')
          for variant in ('', '/versions/{version}', '/aliases/{name}')}
#: Rules of a part of a request.
PARTS = {'execution:choose_version'}
SOURCE = {'kind': 'rabbitmq', 'settings': {
    'url': 'amqp://192.0.2.1', 'queue': 'q'}}


class WalkTest(cases.ApiTest):
    ENFORCING = True
    GROUPS = {'cost': {'gb_second_price': 1}}

    def setUp(self):
        super().setUp()
        self.routes = [route.route for route
                       in root.Root(self.api.services).routes]
        self.engine.answers['pool_capacity'] = {'total': 1, 'available': 1}
        function = self.api.function(
            fixtures.caller('mine'),
            fixtures.archive({'main.py': '', 'requirements.txt': 'x'}))
        self.engine.calls.clear()
        run = self.api.insert(models.Execution, project_id='mine',
                              function_id=function.id)
        services, mine = self.api.services, fixtures.caller('mine')
        services.versions.create(mine, function.id, None)
        services.aliases.create(mine, {
            'name': 'some', 'function_id': function.id})
        services.rollouts.start(mine, 'some', {'function_version': 1})
        services.budgets.set(mine, 'mine', {'amount': 5})
        job = services.jobs.create(mine, {
            'function_id': function.id, 'pattern': '0 0 1 1 *'})
        self.ids = {'runtimes': self.api.runtime(project_id='mine',
                                                 is_public=False),
                    'functions': function.id, 'executions': run,
                    'jobs': job.id, 'failures': self.api.insert(
                        models.Failure, project_id='mine'),
                    'operations': self.api.insert(
                        models.Operation, project_id='mine'),
                    'webhooks': services.webhooks.create(mine, {
                        'function_alias': 'some', 'previews': True})[0].id}
        self.insert_events(function.id)
        self.delivery = self.api.insert(
            models.Delivery, project_id='mine',
            webhook_id=self.ids['webhooks'])
        self.body = {'runtimes': {'image': 'python3'},
                     'executions': {'function_id': function.id},
                     'operations': {'action': 'cancel', 'all': True},
                     'aliases': {'name': 'other', 'function_id': function.id},
                     'jobs': {'function_id': function.id,
                              'pattern': '@daily'},
                     'webhooks': {'function_id': function.id},
                     'event_sources': {'function_id': function.id, **SOURCE}}

    def insert_events(self, function_id):
        self.ids['event_sources'] = self.api.services.event_sources.create(
            fixtures.caller('mine'),
            {'function_id': function_id, **SOURCE}).id
        self.ids['dead_letters'] = self.api.insert(
            models.DeadLetter, project_id='mine', function_id=function_id,
            payload='{}')

    def path(self, route):
        """Return the path of a resource of the project ``mine``."""
        words = route.path.split('/')
        path = route.path.replace('{version}', '1').replace('{name}', 'some')
        path = path.replace('{project_id}', 'mine').replace(
            '{fingerprint}', '{id}').replace('{delivery_id}', self.delivery)
        return path.replace('{id}', self.ids.get(
            words[2] if len(words) > 2 else '', ''))

    def send_request(self, route, project, role, path=None):
        """Return the answer to a request of a role in a project."""
        path = path or self.path(route)
        body = None
        if route.body is not None:
            # Collections need a valid body; resources accept an empty one.
            body = (self.body.get(path.split('/')[2], {})
                    if path.count('/') == 2 else {})
            if path.endswith('/backfill'):
                body = {'since': '2026-01-01', 'until': '2026-01-02'}
            if route.method == 'PUT':
                body = ({'name': 'n'} if path.startswith('/v1/jobs')
                        else {'jobs': 5} if path.startswith('/v1/quotas')
                        else {'amount': 5} if path.startswith('/v1/budgets')
                        else {'name': 'n'} if 'event_sources' in path
                        else {'description': 'd'})
        return self.api.request(
            route.method, path, body, X_Project_Id=project, X_Roles=role)

    def allowed_routes(self, role, project='mine'):
        """Return the routes that a role may use.

        DELETE requests come last, since other requests need the resources.
        """
        routes = set()
        for route in sorted(self.routes, key=lambda route: (
                route.method == 'DELETE', len(route.path))):
            answer = self.send_request(route, project, role)
            self.assertLess(answer.status_int, 500, answer.text)
            if 'it needs the policy' in answer.text:
                self.decode(answer, 403)
                self.assertIn(f'policy {route.policy}.', answer.text)
            else:
                routes.add((route.method, route.path))
        return routes

    def routes_with(self, condition):
        return {(route.method, route.path) for route in self.routes
                if condition(route)}


class TestRoles(WalkTest):
    def test_other_roles_use_public_routes_only(self):
        public = self.routes_with(lambda route: route.policy in PUBLIC)
        self.assertEqual({('GET', '/'), ('GET', '/v1')} | DESCRIPTIONS
                         | INVOKE, public)
        for role in ('', 'other', 'service'):
            self.assertEqual(public, self.allowed_routes(role))
        # What a webhook runs belongs to its project.
        self.assertEqual({'start'}, set(self.engine.verbs()))
        self.assertEqual({'mine'}, {target.project_id for _, _, target
                                    in self.engine.calls})

    def test_public_routes_need_no_identity(self):
        def refuse(_environ):
            raise exception.Unauthorized()
        self.api.app = app.create_app(
            self.api.services, fixtures.Strategy(refuse))
        for route in self.routes:
            answer = self.send_request(route, '', '')
            if route.policy in PUBLIC:
                self.assertLess(answer.status_int, 300, route)
            else:
                self.decode(answer, 401)
        self.assertEqual(['start'] * len(INVOKE), self.engine.verbs())

    def test_public_routes_are_declared_twice(self):
        """Check that the route and its rule agree, so one mistake publishes no
        route.
        """
        checks = {rule.name: rule.check_str for rule in policies.list_rules()}
        for route in self.routes:
            self.assertEqual(route.policy in PUBLIC, route.public, route)
            self.assertEqual(route.public,
                             checks[route.policy] == roles.ANYONE)

    def test_readers_may_read(self):
        self.assertEqual(
            self.routes_with(lambda route: route.method == 'GET'
                             and route.policy not in ADMINS) | INVOKE,
            self.allowed_routes('reader'))
        self.assertEqual(['start'] * len(INVOKE), self.engine.verbs())

    def test_members_may_write(self):
        self.assertEqual(
            self.routes_with(lambda route: route.policy not in ADMINS),
            self.allowed_routes('member'))

    def test_admins_may_use_all_routes(self):
        self.assertEqual(self.routes_with(lambda route: True),
                         self.allowed_routes('admin'))

    def test_members_succeed(self):
        """Check for success, not only for the absence of 403."""
        for route in self.routes:
            if route.policy in ADMINS or route.method != 'GET':
                continue
            answer = self.send_request(route, 'mine', 'member')
            self.assertEqual(200, answer.status_int, route.path)

    def test_policy_file_overrides_defaults(self):
        path = self.create_tempfiles(
            [('policy', '"runtime:get_all": "role:other"\n')], '.yaml')[0]
        self.api.conf.set_override('policy_file', path, group='oslo_policy')
        self.api.app = app.create_app(
            self.api.services, fixtures.HeaderStrategy(
                policy.Enforcer(self.api.conf)))
        for role, status in (('other', 200), ('reader', 403)):
            self.call('GET', '/v1/runtimes', status=status, X_Roles=role)


class TestProjects(WalkTest):
    """Callers with a role in another project."""

    def test_resources_of_other_projects_return_404(self):
        for route in self.routes:
            # Quotas and budgets are not hidden: others get 403.
            if ('{' not in route.path or route.public
                    or route.policy in ('quota:get', 'budget:get')):
                continue
            for role in ('reader', 'member'):
                answer = self.send_request(route, 'theirs', role)
                expected = {404} if (
                    route.policy not in ADMINS and (
                        role == 'member' or route.method == 'GET')) else {403}
                self.assertIn(answer.status_int, expected, route.path)

    def test_quotas_of_other_projects(self):
        for project, role, status in (
                ('mine', 'reader', 200), ('theirs', 'member', 403),
                ('theirs', 'admin', 200)):
            self.call('GET', '/v1/quotas/mine', status=status,
                      X_Project_Id=project, X_Roles=role)

    def test_own_quota(self):
        for project, role in (('mine', 'reader'), ('theirs', 'admin')):
            answer = self.call('GET', '/v1/quotas', status=200,
                               X_Project_Id=project, X_Roles=role)
            self.assertEqual(project, answer['project_id'])

    def test_hidden_resources_look_like_unknown_ones(self):
        for route in self.routes:
            if ('{id}' not in route.path or route.policy in ADMINS
                    or route.public):
                continue
            path = self.path(route)
            id = path.split('/')[3]
            hidden, unknown = (self.send_request(
                route, 'theirs', 'member', path.replace(id, resource_id)).json[
                    'faultstring'].replace(resource_id, 'id') for resource_id
                               in (id, cases.UNKNOWN_ID))
            self.assertEqual(unknown, hidden, route.path)

    def test_refused_requests_change_no_row(self):
        before = self.state()
        for route, role in itertools.product(self.routes, (
                'reader', 'member')):
            if '{' in route.path and not route.public:
                self.send_request(route, 'theirs', role)
        self.assertEqual(before, self.state())
        self.assertEqual([], self.engine.calls)

    def state(self):
        return [self.api.row(model, self.ids[noun]) for noun, model in (
            ('runtimes', models.Runtime), ('functions', models.Function),
            ('executions', models.Execution),
            ('jobs', models.Job),
            ('webhooks', models.Webhook))], self.api.packages()

    def test_admins_access_other_projects(self):
        foreign = {'X_Project_Id': 'theirs', 'X_Roles': 'admin'}
        function = f'/v1/functions/{self.ids["functions"]}'
        run = f'/v1/executions/{self.ids["executions"]}'
        webhook = f'/v1/webhooks/{self.ids["webhooks"]}'
        for path in (function, f'{function}?download=true',
                     f'{function}/versions', f'{function}/versions/1',
                     f'{function}/references', run, f'{run}/log', webhook):
            answer = self.api.request('GET', path, **foreign)
            self.assertEqual(200, answer.status_int, path)
        body, kind = cases.urlencoded({'name': 'by an admin'})
        self.assertEqual('mine', self.call(
            'PUT', function, body, kind=kind, **foreign)['project_id'])
        for path in (run, webhook):
            self.call('DELETE', path, status=204, **foreign)

    def test_admins_cannot_change_code_of_other_projects(self):
        foreign = {'X_Project_Id': 'theirs', 'X_Roles': 'admin'}
        function = f'/v1/functions/{self.ids["functions"]}'
        self.fault(403, 'belongs to another project', 'DELETE', function,
                   **foreign)
        self.fault(404, '', 'POST', f'{function}/versions', {}, **foreign)
        self.fault(404, '', 'DELETE', f'{function}/versions/1', **foreign)
        for path in (f'/v1/runtimes/{self.ids["runtimes"]}',
                     '/v1/aliases/some'):
            self.fault(404, 'not found', 'GET', path, **foreign)
        webhook = f'/v1/webhooks/{self.ids["webhooks"]}'
        for method, path in (('PUT', webhook), ('POST', f'{webhook}/secret'),
                             ('DELETE', f'{webhook}/secret')):
            self.fault(404, 'Webhook not found', method, path, {}, **foreign)
        for noun in ('functions', 'executions', 'aliases', 'runtimes',
                     'webhooks'):
            rows = self.call('GET', f'/v1/{noun}', **foreign)
            self.assertNotIn('mine', {
                row['project_id'] for row in sum(rows.values(), [])
                if noun != 'runtimes' or not row['is_public']})


class TestRules(WalkTest):
    """Declared rules equal used rules."""

    def test_every_route_has_a_rule(self):
        declared = {rule.name for rule in policies.list_rules()}
        for route in self.routes:
            self.assertIn(route.policy, declared, route.path)

    def test_every_rule_is_used(self):
        used = set()

        class Recorder:
            """Enforcer that records and allows every rule."""

            def permits(self, rule, *_args):
                used.add(rule)
                return True

        self.api.app = app.create_app(
            self.api.services,
            fixtures.Strategy(lambda environ: fixtures.caller(
                'mine', enforcer=Recorder())))
        for route in self.routes:
            path = self.path(route)
            if 'all_projects' in route.query:
                path += '?all_projects=true'
            self.send_request(route, 'mine', '', path)
        self.api.request('POST', '/v1/executions', {
            'function_alias': 'some', 'function_version': 1})
        declared = {rule.name for rule in policies.list_rules()}
        self.assertEqual(
            {'project_member', 'project_reader'} | PUBLIC, declared - used)
        self.assertEqual(set(), used - declared)

    def test_rules_are_unique_and_described(self):
        rules = policies.list_rules()
        self.assertEqual(len(rules), len({rule.name for rule in rules}))
        for rule in rules:
            self.assertGreater(len(rule.description), 5, rule.name)

    def test_rules_name_the_routes_that_use_them(self):
        role_rules = {rule.name for rule in roles.RULES}
        paths = {(route.method, route.path): route.policy
                 for route in self.routes}
        for rule in policies.list_rules():
            if rule.name in role_rules | PUBLIC | PARTS:
                continue
            for operation in rule.operations:
                name = paths[operation['method'], operation['path']]
                self.assertTrue(rule.name == name or rule.name
                                == f'{name}:all_projects', rule.name)

    def test_rules_for_admins(self):
        nouns = ('function', 'execution', 'failure', 'function_alias', 'job',
                 'operation', 'webhook', 'event_source', 'dead_letter')
        self.assertEqual(
            ADMINS | {'statistics:get_project:all_projects'}
            | {f'{noun}:get_all:all_projects' for noun in nouns},
            {rule.name for rule in policies.list_rules()
             if rule.check_str == roles.ADMIN})
