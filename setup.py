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


def _pbr_finds_version():
    """Return whether pbr finds the version.

    pbr reads the metadata of an sdist or a tag, or counts at least two
    commits.
    """
    return (os.path.exists('PKG-INFO') or _git('describe', '--exact-match')
            or int(_git('rev-list', '--count', 'HEAD') or 0) > 1)


# Source archives, machines without git and shallow clones build the version in
# development.
if not _pbr_finds_version():
    config = configparser.ConfigParser()
    config.read('setup.cfg')
    os.environ.setdefault(
        'PBR_VERSION', config['metadata']['version'] + '.dev0')

setuptools.setup(setup_requires=['pbr>=7.0'], pbr=True)
