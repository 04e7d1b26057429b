# SPDX-License-Identifier: Apache-2.0
"""Writing a package that comes from the server."""

import os

from qinling.client import exceptions


def add_output(parser):
    """Where the package goes."""
    parser.add_argument(
        '-o', '--output', metavar='FILE',
        help='Where to write it; - is standard output. Without it, a file '
             'in this directory that is called after the id.')


def write(command, pieces, name):
    """Write the pieces of a package to a file, or to standard output.

    :raises ClientError: if the file cannot be written; what there is of it
        is then deleted.
    """
    if name == '-':
        stream = command.app.stdout.buffer
        stream.writelines(pieces)
        stream.flush()
        return
    path = os.path.abspath(name)
    try:
        with open(path, 'wb') as target:
            try:
                target.writelines(pieces)
            except BaseException:
                os.unlink(path)
                raise
    except OSError as e:
        raise exceptions.ClientError(f'{path} cannot be written: {e}')
    command.say(f'Code package downloaded to {path}')
