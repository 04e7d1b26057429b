# SPDX-License-Identifier: Apache-2.0
"""Workers of each language, without a sandbox."""

import os
import shutil
import sys
import zipfile

from qinling.orchestrators.process import languages
from qinling.tests.unit.runtimes import agents

NODEJS = shutil.which('node')
INTERPRETERS = languages.Interpreters(
    languages.Interpreter(os.path.realpath(sys.executable)),
    {'nodejs': languages.Interpreter(NODEJS)} if NODEJS else {})


def images():
    """Return the images testable on the local machine."""
    return list(INTERPRETERS.describe())


def conformance(image):
    """Return the package of a language for the conformance suite."""
    return package('conformance', image)


def package(name, image):
    """Return the package of a language in qinling/tests/functions/<name>."""
    directory = os.path.join(agents.FUNCTIONS, name, image)
    files = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            with open(path, 'rb') as source:
                files[zipfile.ZipInfo.from_file(path, name)] = source.read()
    return agents.zipped(files)


class Worker(agents.Agent):
    """Worker with a loaded package."""

    def __init__(self, image, package, entry, **settings):
        super().__init__(
            bootstrap=INTERPRETERS.bootstrap_command(image, agents.DIRECTORY),
            memory_reserve=languages.find_language(image).memory_reserve,
            memory_slack=languages.find_language(image).memory_slack)
        self._package = package
        self._load = dict(settings, entry=entry)

    def _setUp(self):
        super()._setUp()
        self.client = self.connect()
        reply = self.client.load(self._package, **self._load)
        if reply.status != 200:
            raise AssertionError(reply.body)
