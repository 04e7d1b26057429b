# SPDX-License-Identifier: Apache-2.0
"""Images of runtimes for the stand-in for Kubernetes."""

import json
import os
import secrets

from qinling import runtimes
from qinling.tests.kubernetes import images

DIRECTORY = os.path.dirname(os.path.abspath(runtimes.__file__))
CODE = '/var/lib/qinling/code'  # where a runtime image keeps functions
NAMES = ('qinling/python3:1', 'qinling/python3:2')


def _failing_command(text):
    return [images.PYTHON, '-I', '-S', '-c', f'import sys; sys.exit({text!r})']


def runtime(*flags):
    """Return a runtime image: the agent with Python as the language.

    :param flags: flags for the Python of the functions.
    """
    def entry(sandbox):
        places = {path: sandbox.path(path) for path in (CODE, '/tmp')}
        for path, place in places.items():
            if place is None:
                return _failing_command(
                    f"[Errno 30] Read-only file system: '{path}'")
        settings = os.path.join(sandbox.directory, 'settings.json')
        with open(settings, 'w') as target:
            json.dump({
                'secret': secrets.token_urlsafe(32), 'processes': 0,
                'listen': f'tcp:[{sandbox.address}]:9090',
                'code': places[CODE],
                'bootstrap': [images.PYTHON, '-I', '-S', '-u', *flags,
                              os.path.join(DIRECTORY, 'python.py')],
                'environment': {'PATH': images.PATH, 'LANG': 'C.UTF-8',
                                'HOME': places['/tmp'],
                                'TMPDIR': places['/tmp']}}, target)
        return [images.PYTHON, '-I', '-S', os.path.join(DIRECTORY, 'agent.py'),
                settings]
    return images.Image(entry, user=10001)


def add_images(cluster):
    """Add the images :data:`NAMES` to a stand-in for a cluster."""
    cluster.kubelet.images.update(zip(NAMES, (runtime(), runtime('-B'))))
