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

"""Workers of each language, without a sandbox."""

import os
import shutil
import sys
import zipfile

from qinling.orchestrators.process import languages
from qinling.tests.unit.runtimes import agents

PROGRAMS = languages.Programs(os.path.realpath(sys.executable),
                              shutil.which('node'))


def images():
    """Those that can be tested on this machine."""
    return [image for image in languages.BOOTSTRAPS
            if image != 'nodejs' or PROGRAMS.nodejs]


def conformance(image):
    """The package of a language for the conformance suite."""
    directory = os.path.join(agents.FUNCTIONS, 'conformance', image)
    files = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            with open(path, 'rb') as source:
                files[zipfile.ZipInfo.from_file(path, name)] = source.read()
    return agents.zipped(files)


class Worker(agents.Agent):
    """A worker that has loaded a package."""

    def __init__(self, image, package, entry, **settings):
        super().__init__(bootstrap=languages.bootstrap(
            image, PROGRAMS, agents.DIRECTORY))
        self._package = package
        self._load = dict(settings, entry=entry)

    def _setUp(self):
        super()._setUp()
        self.client = self.connect()
        reply = self.client.load(self._package, **self._load)
        if reply.status != 200:
            raise AssertionError(reply.body)
