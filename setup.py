# SPDX-License-Identifier: Apache-2.0
"""The build; what there is to say about the package is in setup.cfg."""

import configparser
import os
import subprocess

import setuptools


def _git(*words):
    try:
        return subprocess.run(['git', *words], capture_output=True,
                              text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ''


def _pbr_can_tell():
    """Whether pbr finds the version: in the metadata of an sdist, as a tag,
    or by counting commits (of which it needs two)."""
    return (os.path.exists('PKG-INFO') or _git('describe', '--exact-match')
            or int(_git('rev-list', '--count', 'HEAD') or 0) > 1)


# An archive of the sources, a machine without git and a clone of one commit
# must build all the same: as the version that is being worked on.
if not _pbr_can_tell():
    config = configparser.ConfigParser()
    config.read('setup.cfg')
    os.environ.setdefault(
        'PBR_VERSION', config['metadata']['version'] + '.dev0')

setuptools.setup(setup_requires=['pbr>=7.0'], pbr=True)
