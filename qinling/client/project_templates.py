# SPDX-License-Identifier: Apache-2.0
"""Small projects to start from, one per language."""

from __future__ import annotations

import dataclasses

from qinling.client import package

APPLICATION, EVENT = 'app.yaml', 'event.json'

_APPLICATION = '''\
# The functions, aliases, jobs and webhooks of this project.
# "qinling dev" runs the functions after each change, "qinling apply"
# publishes them on a server.
functions:
  {name}:
    code: .
    entry: {entry}
    runtime: {runtime}
    timeout: 10s
    publish: true
aliases:
  {name}: {{function: {name}, version: latest}}
'''
_IGNORE = f'''\
{APPLICATION}
{EVENT}
.*
'''
_EVENT = '{"name": "Ada"}\n'

_PYTHON = '''\
def main(name='world'):
    """Return a greeting; each field of the input is an argument."""
    print('Greeting', name)
    return f'Hello, {name}'
'''
_PYTHON_TEST = '''\
import unittest

import main


class MainTest(unittest.TestCase):
    def test_greeting(self):
        self.assertEqual('Hello, Ada', main.main(name='Ada'))


if __name__ == '__main__':
    unittest.main()
'''
_NODEJS = '''\
exports.main = async ({ name = 'world' }) => {
  console.log('Greeting', name);
  return `Hello, ${name}`;
};
'''
_NODEJS_TEST = '''\
const assert = require('node:assert');
const test = require('node:test');

const { main } = require('./main');

test('greeting', async () => {
  assert.strictEqual(await main({ name: 'Ada' }), 'Hello, Ada');
});
'''
_BASH = '''\
#!/bin/bash
# Each line of the input is one execution, and needs one line of JSON.
while read -r line; do
    name=world
    if [[ $line =~ \\"name\\":\\ *\\"([^\\"]*)\\" ]]; then
        name=${BASH_REMATCH[1]}
    fi
    echo "Greeting $name" >&2
    echo "\\"Hello, $name\\""
done
'''
_BASH_TEST = '''\
#!/bin/bash
answer=$(echo '{"input": {"name": "Ada"}}' | ./main 2>/dev/null)
[[ $answer == '"Hello, Ada"' ]] || { echo "wrong: $answer"; exit 1; }
'''


@dataclasses.dataclass(frozen=True)
class Template:
    """Project in a language.

    :ivar files: name -> text.
    :ivar programs: names of the files that can be executed.
    :ivar test: command that tests the project.
    """

    runtime: str
    entry: str
    files: dict[str, str]
    test: str
    ignored: str
    programs: tuple[str, ...] = ()

    def render(self, name: str) -> dict[str, str]:
        """Return all files of a project: name -> text."""
        return {
            APPLICATION: _APPLICATION.format(
                name=name, entry=self.entry, runtime=self.runtime),
            EVENT: _EVENT, package.IGNORE: _IGNORE + self.ignored,
            '.gitignore': f'{package.STATE}/\n', **self.files}


#: Language -> template.
TEMPLATES = {
    'python': Template(
        'python3', 'main.main',
        {'main.py': _PYTHON, 'test_main.py': _PYTHON_TEST},
        'python3 -m unittest', 'test_*.py\n'),
    'nodejs': Template(
        'nodejs', 'main.main',
        {'main.js': _NODEJS, 'main.test.js': _NODEJS_TEST},
        'node --test', '*.test.js\n'),
    'bash': Template(
        'command', 'main', {'main': _BASH, 'test.sh': _BASH_TEST},
        './test.sh', 'test.sh\n', ('main', 'test.sh'))}
