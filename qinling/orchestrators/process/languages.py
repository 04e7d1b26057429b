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

"""The runtimes that this machine can have: a language is its image."""

import os

from qinling import exception
from qinling import runtimes

#: Where the bootstraps and the agent lie on the host.
DIRECTORY = os.path.dirname(os.path.abspath(runtimes.__file__))


def _python(interpreter, directory):
    return [interpreter, '-I', '-S', '-u', f'{directory}/python.py']


#: Image -> function of the interpreter of the agent and of the directory
#: where the sandbox shows :data:`DIRECTORY`; it returns the command of an
#: executor, to which the agent adds the number of its channel.
BOOTSTRAPS = {
    'python3': _python,
}


def bootstrap(image, interpreter, directory):
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
    return make(interpreter, directory)
