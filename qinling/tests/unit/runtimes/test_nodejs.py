# SPDX-License-Identifier: Apache-2.0
"""Tests of functions in Node.js."""

from oslotest import base

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import workers

OUT_OF_MEMORY = 'The function ran out of memory; the limit is 64 MiB.'


class Cases(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        if 'nodejs' not in workers.images():
            self.skipTest('This machine has no Node.js.')

    def load(self, files, entry='main.main', **settings):
        """Return a client for a function of ``{name: text}``, or of the text
        of ``main.js``."""
        if isinstance(files, str):
            files = {'main.js': files}
        return self.useFixture(workers.Worker(
            'nodejs', agents.zipped(files), entry, **settings)).client

    def check_failed(self, result):
        """Return the sentence of a failure, after a check of the log."""
        self.assertEqual('failed', result['status'], result)
        return result['output']

    def check_fails(self, files, entry='main.main', **input):
        return self.check_failed(self.load(files, entry).execute(**input))


class TestLoading(Cases):
    def test_forms_of_functions(self):
        for files, entry in (
                ({'index.js': 'exports.handler = () => 1'}, 'index.handler'),
                ({'a.cjs': 'module.exports = { main: () => 1 }'}, 'a.main'),
                ({'a.mjs': 'export const main = async () => 1'}, 'a.main'),
                ({'a.mjs': 'export default () => 1'}, 'a.default'),
                ({'a.mjs': 'export default { main: () => 1 }'}, 'a.main'),
                ({'package.json': '{"type": "module"}',
                  'a.js': 'export function main() { return 1 }'}, 'a.main'),
                ({'lib/a/index.js': 'exports.main = () => 1'}, 'lib.a.main'),
                ({'lib/a.b.js': 'exports.main = () => 1'}, 'lib/a.b.main'),
                ({'node_modules/one/index.js': 'module.exports = 1',
                  'main.js': 'const one = require("one");'
                             'exports.main = () => one'}, 'main.main')):
            self.assertEqual(1, self.load(files, entry).execute()['output'],
                             files)

    def test_wrong_entries(self):
        source = 'exports.main = 5'
        for entry, sentence in (
                ('main', "The entry 'main' is malformed: it must be like "
                         'module.function.'),
                ('other.main', 'The package has no module other (entry '
                               'other.main).'),
                ('main.other', 'The module main has no function other (entry '
                               'main.other).'),
                ('main.main', 'main.main is not callable, it is of type '
                              'number.')):
            result = self.load(source, entry).execute()
            self.assertEqual(sentence, self.check_failed(result))
            self.assertIn(f'\n{sentence}\n', result['log'])

    def test_missing_dependency(self):
        for name, source in (('main.js', 'require("absent")'),
                             ('main.mjs', 'import "absent"')):
            self.assertEqual(
                'The module main cannot be imported: it needs the module '
                'absent, which is neither in the package nor in the runtime.',
                self.check_fails({name: source}))

    def test_bad_syntax(self):
        for name, source in (('main.js', '1;\nlet = ;'),
                             ('main.mjs', '1;\nlet x = ;')):
            self.assertRegex(
                self.check_fails({name: source}),
                '^The module main cannot be imported: SyntaxError')

    def test_failed_import_is_tried_again(self):
        client = self.load("""
            const fs = require('fs');
            if (!fs.existsSync('seen')) {
              fs.writeFileSync('seen', '');
              throw new Error('the first time');
            }
            exports.main = () => 'loaded';""")
        self.assertEqual('the first time', self.check_failed(client.execute()))
        self.assertEqual('loaded', client.execute()['output'])

    def test_import_that_never_ends(self):
        client = self.load({'main.mjs': 'await new Promise(() => {})'},
                           import_timeout=0.4)
        self.assertIn('The import of the module took longer than 0.4 '
                      'seconds.', self.check_failed(client.execute()))

    def test_exit_at_import(self):
        self.assertEqual(
            'The process of the function exited with status 3 '
            'during the import of the module.',
            self.check_fails('process.exit(3)'))
        self.assertIn('SIGTERM during the import of the module.',
                      self.check_fails('process.kill(process.pid); '
                                       'for (;;);'))

    def test_names_of_the_bootstrap_are_not_seen(self):
        client = self.load('exports.main = function () { return ['
                           'this === undefined || this === globalThis, '
                           'process.argv.length, require.main === module]; }')
        self.assertEqual([True, 1, False], client.execute()['output'])


class TestErrors(Cases):
    def throw(self, expression):
        return self.check_fails(
            f'exports.main = async () => {{ throw {expression}; }}')

    def test_thrown_values(self):
        for expression, sentence in (
                ('new Error("why")', 'why'),
                ('new RangeError()', 'RangeError'),
                ('"text"', 'text'), ('null', 'null'),
                ('undefined', 'undefined'), ('{ a: 1 }', '{ a: 1 }')):
            self.assertEqual(sentence, self.throw(expression))

    def test_unprintable_error(self):
        self.assertEqual('Error', self.throw(
            '{ [require("util").inspect.custom]() { throw 1; } }'))

    def test_long_text(self):
        text = self.throw('new Error("x".repeat(1e6))')
        self.assertEqual('x' * 32768 + '...', text)

    def test_traceback(self):
        log = self.load("""
            function deeper() {
              throw new Error('why', { cause: new Error('because') });
            }
            exports.main = () => deeper();""").execute()['log']
        self.assertIn('Error: why\n    at deeper (', log)
        self.assertIn('[cause]: Error: because', log)
        self.assertNotIn('nodejs.js', log)

    def test_unhandled_rejection(self):
        client = self.load("""
            exports.main = (input) => {
              if (input.bad) Promise.reject(new Error('left alone'));
              return 'done';
            };""")
        result = client.execute(bad=True)
        self.assertEqual('left alone', self.check_failed(result))
        self.assertIn('Error: left alone\n', result['log'])
        self.assertEqual('done', client.execute()['output'])

    def test_exception_in_a_callback(self):
        client = self.load("""
            exports.main = (input) => new Promise((resolve) => {
              if (!input.bad) resolve('done');
              setTimeout(() => { throw new Error('from afar'); }, 5);
            });""")
        self.assertEqual('from afar',
                         self.check_failed(client.execute(bad=True)))
        self.assertEqual('done', client.execute()['output'])

    def test_listener_of_the_user(self):
        client = self.load("""
            exports.main = () => new Promise((resolve) => {
              process.once('uncaughtException', (e) => resolve(e.message));
              setTimeout(() => { throw new Error('heard'); }, 5);
            });""")
        self.assertEqual('heard', client.execute()['output'])

    def test_unresolved_promise(self):
        client = self.load('exports.main = () => new Promise(() => {})')
        self.assertEqual('The function ran longer than its timeout of 0.4 s.',
                         self.check_failed(client.execute(timeout=0.4)))

    def test_buffers_larger_than_memory(self):
        client = self.load("""
            exports.main = ({ mib }) => {
              const kept = [];
              for (let i = 0; i < mib; i += 8) {
                kept.push(Buffer.alloc(8 << 20, 1));
              }
              return kept.length;
            };""")
        self.assertEqual(4, client.execute(mib=32)['output'])
        self.assertEqual(OUT_OF_MEMORY,
                         self.check_failed(client.execute(mib=999)))
        self.assertEqual(4, client.execute(mib=32)['output'])

    def test_abort_for_another_reason(self):
        self.assertEqual(
            'The process of the function was ended by signal SIGABRT.',
            self.check_fails('exports.main = () => process.abort()'))


class TestExecutions(Cases):
    def test_unserialisable_results(self):
        client = self.load("""
            const circle = {}; circle.circle = circle;
            exports.main = ({ what }) => ({ circle, function() {},
              symbol: Symbol() })[what];""")
        for result, kind in (('circle', 'Object'), ('function', 'function'),
                             ('symbol', 'symbol')):
            output = self.check_failed(client.execute(what=result))
            self.assertTrue(output.startswith(
                f'The result of the function, of type {kind}, cannot be '
                'written as JSON: '), output)

    def test_results_follow_json_stringify(self):
        client = self.load('exports.main = () => ({ a: undefined, b: null, '
                           'c: new Date(0), d: [undefined] })')
        self.assertEqual(
            {'b': None, 'c': '1970-01-01T00:00:00.000Z', 'd': [None]},
            client.execute()['output'])

    def test_token_is_not_shown(self):
        client = self.load("""
            exports.main = (input, context) => {
              console.log(context);
              return [context.token, context];
            };""")
        result = client.execute(context={
            'token': 'the token', 'os_session': None, 'project_id': 'p'})
        self.assertEqual(['the token', {'project_id': 'p'}],
                         result['output'])
        self.assertNotIn('the token', result['log'])

    def test_streams_come_back(self):
        client = self.load("""
            exports.main = ({ bad }) => {
              if (bad) {
                process.stdout.end();
                process.stderr.destroy();
                Object.defineProperty(process, 'stdout', { value: null });
              } else {
                process.stdout.write('written\\n');
                console.error('told');
              }
            };""")
        client.execute(bad=True)
        self.assertIn('\nwritten\ntold\n', client.execute()['log'])

    def test_working_directory_comes_back(self):
        client = self.load("""
            exports.main = () => {
              const found = process.cwd();
              process.chdir('/');
              return found;
            };""")
        self.assertEqual(client.execute()['output'],
                         client.execute()['output'])

    def test_nothing_runs_between_executions(self):
        client = self.load("""
            let ticks = 0;
            setInterval(() => { ticks += 1; }, 1);
            exports.main = () => ticks;""")
        first = client.execute()['output']
        for _ in range(50):
            client.status()
        self.assertLess(client.execute()['output'] - first, 5)

    def test_environment(self):
        client = self.load('exports.main = () => process.env',
                           environment={'MODE': 'fast'})
        environment = client.execute()['output']
        self.assertEqual('fast', environment['MODE'])
        self.assertNotIn('NODE_OPTIONS', environment)
