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


"""The build; what there is to say about the package is in setup.cfg."""

import configparser
import os
import subprocess

import setuptools


def _known_to_git():
    try:
        return subprocess.run(
            ['git', 'rev-parse', '--verify', 'HEAD'],
            capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


# pbr takes the version from the metadata of an sdist, else from git.  A tree
# with neither (an archive of the sources, or a machine without git) must
# build all the same: it gets the version that is being worked on.
if not os.path.exists('PKG-INFO') and not _known_to_git():
    config = configparser.ConfigParser()
    config.read('setup.cfg')
    os.environ.setdefault(
        'PBR_VERSION', config['metadata']['version'] + '.dev0')

setuptools.setup(setup_requires=['pbr>=7.0'], pbr=True)
