# SPDX-License-Identifier: Apache-2.0
"""Release of the installed service."""

from importlib import metadata


def release() -> str:
    """Return the version in the metadata of the package."""
    try:
        return metadata.version('qinling')
    except metadata.PackageNotFoundError:
        return 'unknown (not installed)'
