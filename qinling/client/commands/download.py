# SPDX-License-Identifier: Apache-2.0
"""Download of a package."""

import argparse
from collections.abc import Iterable
import os

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions


class Download(base.Addressed):
    """Command that writes the package of a function or version."""

    arguments = (options.Argument(
        '-o', '--output', metavar='FILE',
        help='File to write, or - for standard output. Default is a file in '
             'the working directory with the id as its name.'),)

    def take_action(self, args: argparse.Namespace) -> None:
        address = self.locate(args)
        self.write(self.resources.download(*address),
                   args.output or f'{"_".join(map(str, address))}.zip')

    def write(self, chunks: Iterable[bytes], name: str) -> None:
        """Write a package to a file, or to standard output for ``-``.

        :raises ClientError: if the file cannot be written; an incomplete
            file is deleted.
        """
        if name == '-':
            stream = self.app.stdout.buffer
            stream.writelines(chunks)
            stream.flush()
            return
        path = os.path.abspath(name)
        try:
            with open(path, 'wb') as target:
                try:
                    target.writelines(chunks)
                except BaseException:
                    os.unlink(path)
                    raise
        except OSError as e:
            raise exceptions.ClientError(f'Cannot write {path}: {e}')
        self.print_line(f'Code package downloaded to {path}')
