# SPDX-License-Identifier: Apache-2.0
"""Stacks of a real Heat, with the templates of the user's page."""

import base64
import json
import uuid

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import indexes
from qinling.tests.functional import neighbours
from qinling.tests.functional import openstack
from qinling.tests.functional import pages
from qinling.tests.functional import test_keystone

PAGE = neighbours.CHECKOUT / 'doc' / 'source' / 'user' / 'heat.rst'
#: Caption -> text.
FILES = {block.caption: block.text for block in pages.read_blocks(
    PAGE.read_text()) if block.caption}
STACK = FILES['functions.yaml']
#: Resource -> path of the API, additional properties, and fields that are no
#: properties: "code" holds the package, and a new job has no next time.
PATHS = {
    'Function': ('/v1/functions', (), ('package',)),
    'Version': ('/v1/functions/{id}/versions', ('function_id', 'revision'),
                ()),
    'Alias': ('/v1/aliases', (), ()),
    'Job': ('/v1/jobs', (), ('next_execution_time',)),
    'Webhook': ('/v1/webhooks', (), ()),
    'Runtime': ('/v1/runtimes', ('upgrade_versions',), ())}
#: Property -> field of the API.
API_NAMES = {'function': 'function_id', 'runtime': 'runtime_id'}
CODE = {'files': {'main.py': 'def main():\n    return 1\n'}}


def build(outputs=None, **resources):
    """Return a template with a function ``f`` and other resources."""
    return json.dumps({
        'heat_template_version': '2021-04-16', 'resources': {
            name: {'type': f'OS::Qinling::{kind}', 'properties': properties}
            for name, (kind, properties) in resources.items()},
        'outputs': {name: {'value': {'get_attr': path}}
                    for name, path in (outputs or {}).items()}})


def function(**properties):
    """Return a function in a template."""
    return 'Function', {'runtime': 'python3', 'code': CODE, **properties}


class Cloud(openstack.OpenStack):
    """Cloud with Qinling in the catalog, and ``client`` of an account."""

    def _setUp(self):
        super()._setUp()
        self.identity.register(test_keystone.TYPE, self.server.client.url)
        self.account, self.client = self.create_client('admin', 'member')


class TestStacks(servers.Shared, base.BaseTestCase):
    """Stacks of a user with Keystone, Swift and an index of packages."""

    @classmethod
    def make_server(cls):
        cls.index = indexes.Index()
        cls.index.setUp()
        cls.addClassCleanup(cls.index.cleanUp)
        return Cloud(build={'index_url': cls.index.url})

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.heat = neighbours.Heat(cls.server.account)
        cls.heat.setUp()
        cls.addClassCleanup(cls.heat.cleanUp)

    def request(self, action, text, id=None, **parameters):
        return self.heat.call(
            action=action, id=id, template=text, stack=f'stack-{uuid.uuid4()}',
            files={'hello.py': FILES['hello.py']},
            environment={'parameters': parameters})

    def create(self, text, status='CREATE_COMPLETE', **parameters):
        """Return a new stack, which the test deletes at the end."""
        stack = self.request('create', text, **parameters)
        self.assertEqual(status, stack.get('status'), stack)
        self.addCleanup(self.delete, stack)
        return stack

    def update(self, stack, text, status='UPDATE_COMPLETE', **parameters):
        changed = self.request('update', text, stack['id'], **parameters)
        self.assertEqual(status, changed.get('status'), changed)
        return changed

    def delete(self, stack):
        answer = self.heat.call(action='delete', id=stack['id'])
        self.assertEqual('DELETE_COMPLETE', answer['status'], answer)

    def check_rejected(self, sentence, text):
        """Check that a template is rejected before the creation."""
        self.assertIn(sentence, self.request('create', text).get('error'))

    def ids(self, stack):
        """Return name of a resource -> id."""
        return {name: row['id'] for name, row in stack['resources'].items()}

    def show(self, path, *words):
        return self.client.get(f'/v1/{path}/' + '/'.join(words))

    def call_live(self):
        return servers.output(self.client.call(
            'POST', '/v1/executions', {'function_alias': 'live'})[1])

    def test_life_of_the_page(self):
        runtime = self.create(FILES['runtime.yaml'])['outputs']['id']
        stack = self.request('create', STACK, runtime=runtime)
        self.assertEqual('CREATE_COMPLETE', stack['status'], stack)
        ids = self.ids(stack)
        self.assertEqual(1, stack['outputs']['version'])
        self.assertEqual('Hello, world', self.call_live())
        self.assertEqual(
            runtime, self.show('functions', ids['hello'])['runtime_id'])
        self.assertEqual(self.show('webhooks', ids['hook'])['webhook_url'],
                         stack['outputs']['url'])
        self.assertTrue(stack['outputs']['secret'])
        changed = self.update(stack, STACK, runtime=runtime, greeting='Bye')
        self.assertEqual({**stack['outputs'], 'version': 2},
                         changed['outputs'])
        self.assertEqual({**ids, 'version': f'{ids["hello"]}/2'},
                         self.ids(changed))
        self.assertEqual('Bye, world', self.call_live())
        versions = self.show('functions', ids['hello'], 'versions')
        self.assertEqual([2], [row['version_number'] for row
                               in versions['function_versions']])
        unchanged = self.update(changed, STACK, runtime=runtime,
                                greeting='Bye')
        self.assertEqual(self.ids(changed), self.ids(unchanged))
        self.delete(stack)
        for path, name in (('functions', 'hello'), ('aliases', 'live'),
                           ('jobs', 'nightly'), ('webhooks', 'hook')):
            status, _ = self.client.call('GET', f'/v1/{path}/{ids[name]}')
            self.assertEqual(404, status, path)

    def test_resources_that_are_gone(self):
        stack = self.create(build(
            f=function(), v=('Version', {'function': {'get_resource': 'f'}})))
        status, _ = self.client.call(
            'DELETE', f'/v1/functions/{self.ids(stack)["f"]}')
        self.assertEqual(204, status)

    def test_failure_and_repair(self):
        stack = self.create(build(f=function(
            code={'files': {'main.py': 'def main(:'}})), 'CREATE_FAILED')
        self.assertIn('main.py has a syntax error in line 1', stack['reason'])
        stack = self.update(stack, build(f=function()))
        id = self.ids(stack)['f']
        stack = self.update(stack, build(f=function(cpu=1)), 'UPDATE_FAILED')
        self.assertIn('cpu resource limitation not within the allowable range',
                      stack['reason'])
        stack = self.update(stack, build(f=function(description='better')))
        self.assertEqual(id, self.ids(stack)['f'])
        self.assertEqual('better', self.show('functions', id)['description'])

    def test_pool_that_cannot_be_created(self):
        stack = self.create(build(r=('Runtime', {'image': 'cobol'})),
                            'CREATE_FAILED')
        self.assertIn("There is no runtime image 'cobol'", stack['reason'])
        stack = self.update(stack, build(r=('Runtime', {'image': 'python3'})))
        id = self.ids(stack)['r']
        stack = self.update(stack, build(r=('Runtime', {'image': 'cobol'})),
                            'UPDATE_FAILED')
        self.assertIn("There is no runtime image 'cobol'", stack['reason'])
        self.assertEqual('python3', self.show('runtimes', id)['image'])

    def test_templates_are_checked(self):
        hook = {'function': {'get_resource': 'f'}, 'function_alias': 'x'}
        for sentence, resources in (
                ('h needs either function or function_alias.',
                 {'f': function(), 'h': ('Webhook', hook)}),
                ('needs exactly one of files, archive, container and image.',
                 {'f': function(code={**CODE, 'image': 'x'})}),
                ('needs object, the name of the ZIP file',
                 {'f': function(code={'container': 'x'})}),
                ('code of f needs a runtime', {'f': function(runtime=None)}),
                ('Runtime not found [name=cobol]',
                 {'f': function(runtime='cobol')}),
                ('Unknown Property entree', {'f': function(entree='x')}),
                ('length (81) is out of range',
                 {'f': function(entry='x' * 81)}),
                ('"never" is not an allowed value', {'j': ('Job', {
                    'function_alias': 'x', 'misfire': 'never'})})):
            self.check_rejected(sentence, build(**resources))
        self.create(build(f=function(code={'archive': '='})), 'CREATE_FAILED')

    def test_properties_that_go(self):
        f = {'get_resource': 'f'}
        stack = self.create(build(
            f=function(name='n', description='d', environment={'A': 'b'},
                       secrets={'S': 'x', 'T': 'y'}, keep_versions=2,
                       async_policy={'retries': 1}, timeout=9),
            a=('Alias', {'name': 'gone', 'function': f, 'description': 'd',
                         'routing': [{'version': 0, 'weight': 1}]}),
            j=('Job', {'function': f, 'pattern': '@daily', 'jitter': 3,
                       'timezone': 'Europe/Paris', 'status': 'paused'})))
        ids = self.ids(stack)
        self.assertEqual('paused', self.show('jobs', ids['j'])['status'])
        changed = self.update(stack, build(
            f=function(secrets={'T': 'z'}),
            a=('Alias', {'name': 'gone', 'function': f}),
            j=('Job', {'function': f, 'pattern': '@hourly'})))
        self.assertEqual(ids, self.ids(changed))
        row = self.show('functions', ids['f'])
        self.assertEqual(
            ('', {}, ['T'], 0, None, 9),
            (row['description'], row['environment'], row['secret_names'],
             row['keep_versions'], row['async_policy'], row['timeout']))
        self.assertIsNone(self.show('aliases', 'gone')['routing'])
        row = self.show('jobs', ids['j'])
        self.assertEqual(
            ('@hourly', None, 'running'),
            (row['pattern'], row['jitter'], row['status']))

    def test_replacements(self):
        f = {'get_resource': 'f'}
        stack = self.create(build(
            f=function(), v=('Version', {'function': f, 'tags': ['x']}),
            j=('Job', {'function': f, 'pattern': '@daily'})))
        first = self.ids(stack)
        data = base64.b64encode(servers.package('def main(): return 2'))
        stack = self.update(stack, build(
            f=function(code={'archive': data.decode()}),
            v=('Version', {'function': f, 'message': 'why', 'tags': []}),
            j=('Job', {'function': f, 'count': 2, 'pattern': '@daily'})))
        second = self.ids(stack)
        self.assertEqual(first['f'], second['f'])
        self.assertEqual(f'{first["f"]}/2', second['v'])
        self.assertNotEqual(first['j'], second['j'])
        self.assertEqual(2, servers.output(self.client.run(first['f'])))

    def test_secrets_of_webhooks(self):
        f, outputs = {'get_resource': 'f'}, {'secret': ['h', 'secret']}

        def text(**fields):
            return build(outputs, f=function(), a=(
                'Alias', {'name': 'hooked', 'function': f}),
                h=('Webhook', fields))
        stack = self.request('create', text(function=f, signature='github'))
        self.assertTrue(stack['outputs']['secret'])
        self.delete(stack)
        stack = self.create(text(function=f))
        self.assertIsNone(stack['outputs']['secret'])
        id = self.ids(stack)['h']
        stack = self.update(stack, text(
            function_alias={'get_resource': 'a'}, signature='github'))
        generated = stack['outputs']['secret']
        self.assertTrue(generated)
        stack = self.update(stack, text(
            function=f, signature='slack', secret='of-the-template'))
        self.assertEqual('of-the-template', stack['outputs']['secret'])
        row = self.show('webhooks', id)
        self.assertEqual(('slack', None),
                         (row['signature'], row['function_alias']))
        stack = self.update(stack, text(function=f))
        self.assertIsNone(stack['outputs']['secret'])
        self.assertIsNone(self.show('webhooks', id)['signature'])

    def test_properties_are_those_of_the_api(self):
        document = self.client.get('/v1/openapi.json')
        types = self.heat.call(action='types', names=[
            f'OS::Qinling::{name}' for name in PATHS])
        for name, (path, additions, omissions) in PATHS.items():
            content = document['paths'][path]['post']['requestBody']['content']
            schema = next(iter(content.values()))['schema']
            while '$ref' in schema:
                schema = document['components']['schemas'][
                    schema['$ref'].rpartition('/')[2]]
            properties = types[f'OS::Qinling::{name}']['properties']
            self.assertEqual(
                {*schema['properties'], *additions} - {*omissions},
                {API_NAMES.get(key, key) for key in properties}, name)
            for key, declared in properties.items():
                self.assertTrue(declared['description'], (name, key))

    def test_code_in_swift(self):
        account = self.server.account
        self.server.upload(account, 'def main(): return "stored"')
        self.server.upload(account, 'def main(): return 2', 'b.zip')
        stack = self.create(build(f=function(
            code={'container': 'code', 'object': 'main.zip'}, timeout=60)))
        id = self.ids(stack)['f']
        self.assertEqual('stored', servers.output(self.client.run(id)))
        stack = self.update(stack, build(f=function(
            code={'container': 'code', 'object': 'b.zip'}, timeout=60)))
        self.assertEqual(id, self.ids(stack)['f'])
        self.assertEqual(2, servers.output(self.client.run(id)))
        stack = self.update(stack, build(f=function()))
        self.assertNotEqual(id, self.ids(stack)['f'])

    def test_dependencies_are_awaited(self):
        self.index.wheel('first', 'WORD = "installed"\n')
        self.index.wheel('second', 'WORD = "again"\n')

        def text(name):
            return build(f=function(timeout=60, trust=False, code={'files': {
                'main.py': f'import {name}\n'
                           f'def main():\n    return {name}.WORD\n',
                'requirements.txt': f'{name}\n'}}))
        stack = self.create(text('first'))
        id = self.ids(stack)['f']
        self.assertEqual(
            'ready', self.show('functions', id, 'build')['status'])
        self.update(stack, text('second'))
        self.assertEqual(
            'ready', self.show('functions', id, 'build')['status'])
        self.assertEqual('again', servers.output(self.client.run(id)))
        stack = self.update(stack, text('absent'), 'UPDATE_FAILED')
        self.assertIn('The installation of dependencies failed',
                      stack['reason'])
        # The stack returns to the former code, although the template has not
        # changed since the last success.
        self.update(stack, text('second'))
        self.assertEqual('again', servers.output(self.client.run(id)))
