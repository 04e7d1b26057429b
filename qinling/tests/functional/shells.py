#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What the tests of the commands of ``qinling`` have in common."""

import pathlib

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import terminal

CODE = """\
import time


def main(name='world', times=1, **kwargs):
    print('Greeting', name)
    if name == 'nobody':
        raise ValueError('there is nobody')
    if name == 'slow':
        time.sleep(2)
    if name == 'never':
        time.sleep(60)
    return {'greetings': ['Hello, ' + name] * times}


def text(name='world'):
    return 'Grüße, ' + name
"""


class Case(servers.Shared, base.BaseTestCase):
    """One part of the commands."""

    make_server = servers.Standalone

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = fixtures.TempDir()
        place.setUp()
        cls.addClassCleanup(place.cleanUp)
        cls.directory = pathlib.Path(place.path)
        (cls.directory / 'main.py').write_text(CODE)
        cls.shell = terminal.Terminal(
            terminal.BIN / 'qinling', cls.directory,
            QINLING_URL=cls.client.url, PYTHONUTF8='1')
        cls.function = cls.shell.value(
            'id', 'function create', '--name', 'greeter', '--runtime',
            'python3', '--file', 'main.py', '--timeout', 70)
