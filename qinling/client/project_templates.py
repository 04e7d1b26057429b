# SPDX-License-Identifier: Apache-2.0
"""Small projects to start from, one per language."""

from __future__ import annotations

import dataclasses
import json
import typing
import unicodedata

from qinling.client import package
from qinling.client import program_templates as programs

APPLICATION, EVENT = 'app.yaml', 'event.json'

_APPLICATION = '''\
# The functions, aliases, jobs and webhooks of this project.
# "qinling dev" runs the functions after each change, "qinling apply"
# publishes them on a server.
functions:
  {name}:
    code: {code}
    entry: {entry}
    runtime: {runtime}{command}
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
_LAUNCH = '.vscode/launch.json'
#: Configurations of VS Code that attach to a waiting function.
_PYTHON_LAUNCH = {
    'type': 'debugpy', 'connect': {'host': '127.0.0.1', 'port': 5678},
    'pathMappings': [{'localRoot': '${workspaceFolder}',
                      'remoteRoot': '/code'}]}
_NODEJS_LAUNCH = {
    'type': 'node', 'address': '127.0.0.1', 'port': 9229,
    'localRoot': '${workspaceFolder}', 'remoteRoot': '/code'}


def _render_launch(configuration: dict[str, typing.Any]) -> str:
    """Return the launch configuration of VS Code."""
    return json.dumps({'version': '0.2.0', 'configurations': [{
        'name': 'Attach to qinling dev --debug', 'request': 'attach',
        **configuration}]}, indent=2) + '\n'


@dataclasses.dataclass(frozen=True)
class Template:
    """Project in a language.

    :ivar files: name -> text.
    :ivar programs: names of the files that can be executed.
    :ivar test: command that tests the project without the sandbox.
    :ivar command: compiles the program ``main``.
    """

    runtime: str
    entry: str
    files: dict[str, str]
    test: str
    ignored: str
    programs: tuple[str, ...] = ()
    command: str = ''
    outputs: str = ''

    def render(self, name: str) -> dict[str, str]:
        """Return all files of a project: name -> text."""
        return {
            APPLICATION: _APPLICATION.format(
                name=name, entry=self.entry, runtime=self.runtime,
                code='main' if self.command else '.', command=self.command
                and f'\n    compile: {self.command}'),
            EVENT: _EVENT, package.IGNORE: _IGNORE + self.ignored,
            '.gitignore': f'{package.STATE}/\n{self.outputs}', **self.files}


#: Language -> template.
TEMPLATES = {
    'python': Template(
        'python3', 'main.main',
        {'main.py': _PYTHON, 'test_main.py': _PYTHON_TEST,
         _LAUNCH: _render_launch(_PYTHON_LAUNCH)},
        'python3 -m unittest', 'test_*.py\n'),
    'nodejs': Template(
        'nodejs', 'main.main',
        {'main.js': _NODEJS, 'main.test.js': _NODEJS_TEST,
         _LAUNCH: _render_launch(_NODEJS_LAUNCH)},
        'node --test', '*.test.js\n'),
    'go': Template(
        'command', 'main',
        {'main.go': programs.GO, 'main_test.go': programs.GO_TEST,
         'go.mod': programs.GO_MODULE, 'test.sh': programs.TEST},
        'go test ./...', 'test.sh\n*.go\ngo.*\n', ('test.sh',),
        programs.GO_COMPILE, 'main\n'),
    'rust': Template(
        'command', 'main',
        {'src/main.rs': programs.RUST, 'Cargo.toml': programs.RUST_MODULE,
         'build.sh': programs.RUST_BUILD, 'test.sh': programs.TEST},
        'cargo test', 'build.sh\ntest.sh\nsrc/\ntarget/\nCargo.*\n',
        ('build.sh', 'test.sh'), programs.RUST_COMPILE,
        'main\ntarget/\n'),
    'bash': Template(
        'command', 'main',
        {'main': programs.BASH, 'test.sh': programs.TEST},
        './test.sh', 'test.sh\n', ('main', 'test.sh'))}


def create_name(directory: str) -> str:
    """Return the name of a function, and of its alias, for a directory."""
    plain = unicodedata.normalize('NFKD', directory).encode(
        'ascii', 'ignore').decode()
    words = ''.join(character if character.isalnum() or character in '-_'
                    else ' ' for character in plain).split()
    return '-'.join(words) or 'function'
