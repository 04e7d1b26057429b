# SPDX-License-Identifier: Apache-2.0
"""``qinling``: what there is to run functions from a terminal."""

import sys


def main(argv=None):
    """Run a command; the exit code of the process.

    What the command line needs is not installed with the service.
    """
    try:
        from qinling.client import shell
    except ModuleNotFoundError as e:
        return (f'{e.name} is not installed. The command line needs more '
                'than the service: pip install "qinling[cli]"')
    return shell.main(sys.argv[1:] if argv is None else argv)


if __name__ == '__main__':
    sys.exit(main())
