# SPDX-License-Identifier: Apache-2.0
"""The release of the installed service."""

from importlib import metadata


def release():
    """The version text, as the package metadata has it."""
    try:
        return metadata.version('qinling')
    except metadata.PackageNotFoundError:
        return 'unknown (not installed)'
