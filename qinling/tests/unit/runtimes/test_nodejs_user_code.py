# SPDX-License-Identifier: Apache-2.0
"""Tests that the bootstrap for Node.js survives the code of the user."""

import sys

from qinling.tests.unit.runtimes import test_nodejs


class TestStragglers(test_nodejs.Cases):
    def test_late_errors_do_not_fail_the_next(self):
        for source in ('setTimeout(() => Promise.reject(new Error("of A")), '
                       '20)',
                       'setTimeout(() => { throw new Error("of A"); }, 20)',
                       'setImmediate(() => setImmediate(() => { throw new '
                       'Error("of A"); }))',
                       'Promise.resolve().then(() => new Promise((r, reject) '
                       '=> setTimeout(() => reject(new Error("of A")), 20)))',
                       'const e = new (require("events"))(); setTimeout(() => '
                       'e.emit("error", new Error("of A")), 20)'):
            client = self.load("""
                exports.main = async ({ label }) => {
                  if (label === 'A') { %s; }
                  else await new Promise((done) => setTimeout(done, 100));
                  return label;
                };""" % source)
            first = client.execute(label='A', execution_id='first')
            self.assertEqual('A', first['output'])
            logs = [first['log']]
            for _number in range(2):
                result = client.execute(label='B')
                self.assertEqual('B', result['output'], source)
                logs.append(result['log'])
            # A slow agent reads the late error with the log of the first.
            self.assertEqual(1, sum(
                '[error of execution first after its end]\nError: of A' in log
                for log in logs[:2]), logs)
            self.assertNotIn('of A', logs[2], source)

    def test_own_errors_fail(self):
        client = self.load("""
            exports.main = async () => {
              setTimeout(() => Promise.reject(new Error('own')), 5);
              await new Promise(() => {});
            };""")
        for _number in range(2):
            self.assertEqual('own', self.check_failed(client.execute()))


class TestCallbacks(test_nodejs.Cases):
    def test_callback(self):
        client = self.load("""
            exports.main = (event, context, callback) => {
              setTimeout(() => callback(event.error, event.label), 20);
            };""")
        for label in ('A', 'B'):
            self.assertEqual(label, client.execute(label=label)['output'])
        self.assertEqual('bad', self.check_failed(client.execute(error='bad')))
        self.assertEqual('C', client.execute(label='C', error=None)['output'])

    def test_promise_of_a_function_with_callback(self):
        client = self.load('exports.main = async (event, context, callback) '
                           '=> event.n')
        self.assertEqual(5, client.execute(n=5)['output'])

    def test_exception_of_a_function_with_callback(self):
        self.assertEqual('why', self.check_fails(
            'exports.main = (a, b, c) => { throw new Error("why"); }'))

    def test_late_callback_is_ignored(self):
        client = self.load("""
            exports.main = (event, context, callback) => {
              callback(null, event.label);
              setTimeout(() => callback(null, 'late'), 5);
            };""")
        for label in ('A', 'B', 'C'):
            self.assertEqual(label, client.execute(label=label)['output'])


class TestStreams(test_nodejs.Cases):
    def log(self, result):
        self.assertEqual('success', result['status'], result)
        return result['log'].splitlines()[1:-1]

    def test_streams_of_the_import(self):
        client = self.load("""
            const { Writable } = require('stream');
            const write = process.stdout.write.bind(process.stdout);
            process.stdout.write = (text, ...rest) => write('> ' + text,
                                                            ...rest);
            process.stderr = new Writable({
              write(data, encoding, done) { write('! ' + data); done(); } });
            exports.main = () => {
              console.log('out');
              process.stderr.write('error\\n');
              process.stdout.write = process.stderr = null;
            };""")
        for _number in range(2):
            self.assertEqual(['> out', '! error'], self.log(client.execute()))

    def test_callbacks_and_events(self):
        client = self.load("""
            const { pipeline } = require('stream/promises');
            const { Readable } = require('stream');
            const fs = require('fs');
            exports.main = async () => {
              const called = [];
              await new Promise((done) => process.stdout.write('1\\n', done));
              await new Promise((done) => process.stdout.write('2\\n', 'utf8',
                                                               done));
              await new Promise((done) => process.stdout.end('3\\n', done));
              fs.writeSync(1, '4\\n');
              process.stdout.write(new Uint8Array([53, 10]));
              await pipeline(Readable.from(['6\\n']), process.stdout,
                             { end: false });
              process.stdout.cork();
              process.stdout.write('7\\n');
              process.stdout.uncork();
              if (!process.stdout.write('x'.repeat(100000) + '\\n')) {
                await new Promise((done) => process.stdout.once('drain',
                                                                done));
              }
              try { process.stdout.write(5); }
              catch (error) { called.push(error.code); }
              return [...called, process.stdout.fd, process.stderr.fd,
                      process.stdout.writable, typeof process.stdout.isTTY];
            };""")
        for _number in range(2):
            result = client.execute()
            self.assertEqual(['1', '2', '3', '4', '5', '6', '7', 'x' * 100000],
                             self.log(result))
            self.assertEqual(['ERR_INVALID_ARG_TYPE', 1, 2, True, 'undefined'],
                             result['output'])

    def test_write_that_would_block(self):
        client = self.load("""
            const { execFileSync } = require('child_process');
            exports.main = () => {
              execFileSync(%r, ['-c', 'import os; os.set_blocking(1, False)'],
                           { stdio: 'inherit' });
              for (let i = 0; i < 3000; i += 1) {
                process.stdout.write('y'.repeat(200) + '\\n');
              }
            };""" % sys.executable)
        self.assertEqual(['y' * 200] * 3000, self.log(client.execute()))

    def test_closed_descriptors_end_the_process(self):
        client = self.load("""
            const fs = require('fs');
            exports.main = ({ fails }) => {
              console.log('heard');
              fs.closeSync(1);
              if (fails) throw new Error('why');
              return process.pid;
            };""")
        for fails in (False, True, False):
            result = client.execute(fails=fails)
            self.assertEqual('failed' if fails else 'success',
                             result['status'])
            self.assertIn('\nheard\n', result['log'])


class TestLanguage(test_nodejs.Cases):
    def test_generators_are_joined(self):
        for source in ('function* () { yield 1 }',
                       'async function* () { yield 1 }'):
            client = self.load('exports.main = ' + source)
            self.assertEqual([1], client.execute()['output'])

    def test_collections_are_no_result(self):
        for source in ('new Map([[1, 2]])', 'new Set([1])', 'new WeakSet()'):
            self.assertIn('Return its values in an array or an object',
                          self.check_fails(f'exports.main = () => {source}'))
        client = self.load(
            'Map.prototype.toJSON = () => 7; exports.main = () => new Map()')
        self.assertEqual(7, client.execute()['output'])

    def test_values_without_properties_are_no_result(self):
        for source in ('[1].values()', 'new Map().keys()', '/x/',
                       '"a".matchAll(/a/g)', 'new TypeError("x")'):
            self.assertIn('Return its values in an array or an object',
                          self.check_fails(f'exports.main = () => {source}'))
        client = self.load('exports.main = () => '
                           'Object.assign(new Error("x"), { code: 7 })')
        self.assertEqual({'code': 7}, client.execute()['output'])

    def test_nested_values_keep_their_content_or_fail(self):
        for source, words in (
                ('{ a: new Map([[1, 2]]) }', 'Map at "a" has no value'),
                ('[[new Set([1])]]', 'Set at "0" has no value'),
                ('[null, new Map([[1, new Set()]])]', 'Map at "1"'),
                ('{ a: { b: new Error("x") } }', 'Error at "b"'),
                ('[Promise.resolve(1)]', 'Promise at "0"'),
                ('{ a: new ArrayBuffer(3) }', 'ArrayBuffer at "a"'),
                ('{ a: new URLSearchParams("b=1") }', 'URLSearchParams at'),
                ('{ a: /x/, b: null }', 'RegExp at "a"'),
                ('[null, new Date(NaN)]', 'date at "1" is invalid'),
                ('[new Number(NaN)]', 'The number NaN has no value'),
                ('Object.assign(new Map(), { a: 1 })', 'Return its values'),
                ('(() => { const a = {}; a.a = a; return a; })()',
                 'circular structure'),
                ('{ get a() { throw new Error("no a"); } }', 'no a')):
            self.assertIn(words, self.check_fails(
                f'exports.main = () => ({source})'), source)
        for source, output in (
                ('[{}, [], null, "{}", "null"]',
                 [{}, [], None, '{}', 'null']),
                ('{ a: new Date(0), b: {} }',
                 {'a': '1970-01-01T00:00:00.000Z', 'b': {}}),
                ('[Buffer.from("a"), null]',
                 [{'type': 'Buffer', 'data': [97]}, None]),
                ('[new Uint8Array([7]), new Uint8Array()]', [{'0': 7}, {}]),
                ('[2n ** 70n, Object(5n), -(2n ** 63n), null]',
                 [2 ** 70, 5, -2 ** 63, None]),
                ('[new Number(1), new String("x"), new Boolean(false), null]',
                 [1, 'x', False, None]),
                ('{ a: undefined, b: [undefined, () => 1] }',
                 {'b': [None, None]}),
                ('Object.create(null)', {}),
                ('new (class Empty {})()', {})):
            client = self.load(f'exports.main = () => ({source})')
            self.assertEqual(output, client.execute()['output'], source)

    def test_numbers_without_a_value_are_no_result(self):
        for number in ('NaN', 'Infinity', '-Infinity'):
            self.assertIn(f'The number {number} has no value in JSON',
                          self.check_fails('exports.main = () => '
                                           f'({{ a: [null, {number}] }})'))

    def test_numbers_beside_null(self):
        client = self.load('exports.main = () => [null, "null", 1, 10n]')
        self.assertEqual([None, 'null', 1, 10], client.execute()['output'])

    def test_replaced_globals(self):
        client = self.load("""
            globalThis.Promise = globalThis.Buffer = undefined;
            JSON.parse = JSON.stringify = () => '0';
            performance.now = Date.now = process.hrtime = () => '0';
            Number.isFinite = Object.keys = undefined;
            Object.prototype.toString = () => 'x';
            exports.main = () => 1;""")
        for _number in range(2):
            self.assertEqual(1, client.execute()['output'])

    def test_replaced_methods(self):
        for statement in (
                'Promise.prototype.then = Promise.prototype.finally = null',
                'Buffer.from = Buffer.alloc = Buffer.concat = null',
                'Buffer.byteLength = Buffer.allocUnsafe = null',
                'Array.prototype.map = Array.prototype.join = null',
                'const { AsyncLocalStorage: storage } = require("async_hooks")'
                '; storage.prototype.run = storage.prototype.getStore = null',
                'globalThis.Error = globalThis.RangeError = 5',
                'Object.freeze(process)'):
            client = self.load("""
                exports.main = async ({ error }) => {
                  %s;
                  if (error) throw error;
                  return 1;
                };""" % statement)
            for _number in range(3):
                self.assertEqual(1, client.execute()['output'], statement)
            self.assertEqual('own', self.check_failed(
                client.execute(error='own')), statement)

    def test_removed_listeners(self):
        client = self.load("""
            exports.main = async ({ first }) => {
              if (first) {
                process.removeAllListeners();
                setTimeout(() => { throw new Error('late'); }, 20);
              } else await new Promise((done) => setTimeout(done, 100));
              return 1;
            };""")
        for number in range(4):
            result = client.execute(first=number % 2 == 0,
                                    execution_id=str(number))
            self.assertEqual(1, result['output'], result)

    def test_errors_without_a_text(self):
        for source in ('new Proxy({}, { getPrototypeOf() { throw 1; } })',
                       'new Proxy(new Error("a"), { get() { throw 1; } })',
                       'new Proxy({}, { get() { throw 1; } })'):
            client = self.load('exports.main = () => { throw (%s); }' % source)
            for _number in range(2):
                self.assertEqual('Error', self.check_failed(client.execute()))

    def test_process_pool_follows_the_cpu(self):
        source = 'exports.main = () => process.env.UV_THREADPOOL_SIZE;'
        for cpu, size in ((100, '4'), (4000, '4'), (6000, '6')):
            self.assertEqual(size, self.load(
                source, cpu=cpu).execute()['output'])

    def test_variables_of_the_start(self):
        client = self.load("""
            const fs = require('fs');
            exports.main = () => [String(new Date(0)).slice(16, 21),
              fs.readFileSync('/proc/self/environ', 'utf8').split('\\0')
                .filter((line) => /^(UV_|MALLOC_)/.test(line)).sort(),
              fs.readdirSync('/proc/self/task').length,
              Intl.DateTimeFormat().resolvedOptions().locale];""",
                           environment={
                               'TZ': 'Asia/Tokyo', 'UV_THREADPOOL_SIZE': '9',
                               'MALLOC_ARENA_MAX': '1',
                               'LC_ALL': 'de_DE.UTF-8'})
        time, variables, threads, locale = client.execute()['output']
        self.assertEqual('09:00', time)
        self.assertEqual(['MALLOC_ARENA_MAX=1', 'UV_THREADPOOL_SIZE=9'],
                         variables)
        self.assertGreaterEqual(threads, 10)
        self.assertEqual('de-DE', locale)

    def test_extra_certificates(self):
        client = self.load('exports.main = () => null', environment={
            'NODE_EXTRA_CA_CERTS': '/no/such/file'})
        self.assertIn('Ignoring extra certs from `/no/such/file`',
                      client.execute()['log'])

    def test_source_that_is_no_text(self):
        sentence = self.check_fails({'main.js': 'exports.main = 1'.encode(
            'utf-16')})
        self.assertIn('SyntaxError in main.js, line 1', sentence)


class TestEnvironment(test_nodejs.Cases):
    def test_environment_comes_back(self):
        client = self.load("""
            process.env.IMPORT = 'import';
            process.umask(0o027);
            exports.main = ({ change }) => {
              const before = [process.env.IMPORT, process.env.NEW,
                new Date(0).getHours(), process.umask()];
              eval(change);
              return before;
            };""")
        for change in ('process.env.NEW = 1; process.env.IMPORT = 2',
                       'process.env.TZ = "Asia/Tokyo"; new Date(0).getHours()',
                       'process.umask(0)', 'delete process.env.IMPORT',
                       'process.env = { NEW: 1 }',
                       'process.umask = () => { throw 1; }'):
            result = client.execute(change=change)
            self.assertEqual(['import', None, 0, 0o027],
                             result['output'], result)

    def test_channel_that_would_block(self):
        client = self.load("""
            const net = require('net');
            let socket;
            exports.main = ({ size }) => {
              socket ??= new net.Socket({ fd: 3 });
              return 'x'.repeat(size);
            };""")
        for _number in range(3):
            result = client.execute(size=900000)
            self.assertEqual('success', result['status'], result['log'])
