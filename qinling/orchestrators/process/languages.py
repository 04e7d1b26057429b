# SPDX-License-Identifier: Apache-2.0
"""The runtimes that this machine can have: a language is its image."""

import dataclasses
import os

from qinling import exception
from qinling import runtimes

#: Where the bootstraps and the agent lie on the host.
DIRECTORY = os.path.dirname(os.path.abspath(runtimes.__file__))


@dataclasses.dataclass(frozen=True)
class Programs:
    """Paths of what executors run on; ``nodejs`` is ``None`` on a machine
    without Node.js."""

    python: str
    nodejs: str | None = None


def _python(programs, directory):
    return [programs.python, '-I', '-S', '-u', f'{directory}/python.py']


def _nodejs(programs, directory):
    if programs.nodejs is None:
        raise exception.PermanentError(
            'There is no Node.js on this machine: install it, or tell its '
            'path in [process] nodejs, and start the service again.')
    # Few threads and a small nursery, for functions with little memory.
    return [programs.nodejs, '--max-semi-space-size=4', '--v8-pool-size=1',
            f'{directory}/nodejs.js']


def _command(programs, directory):
    return [programs.python, '-I', '-S', '-u', f'{directory}/command.py']


#: Image -> function of :class:`Programs` and of the directory where the
#: sandbox shows :data:`DIRECTORY`; it returns the command of an executor, to
#: which the agent adds the number of its channel.
BOOTSTRAPS = {
    'python3': _python,
    'nodejs': _nodejs,
    'command': _command,
}


#: The image of workers that install what functions depend on.
INSTALLER = 'python3'


def bootstrap(image, programs, directory):
    """The command of an executor for ``image``.

    :raises PermanentError: there is no such image.
    """
    try:
        make = BOOTSTRAPS[image]
    except KeyError:
        known = ', '.join(sorted(BOOTSTRAPS))
        raise exception.PermanentError(
            f'There is no runtime image {image!r} on this machine; known '
            f'are: {known}.') from None
    return make(programs, directory)
