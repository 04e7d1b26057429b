# SPDX-License-Identifier: Apache-2.0
"""Download of a package."""

import argparse
import os

from qinling.client.commands import base
from qinling.client.commands import content
from qinling.client.commands import options


class Download(base.Addressed):
    """Command that writes the package of a function or version."""

    arguments = (options.Argument(
        '-o', '--output', metavar='FILE',
        help='File to write, or - for standard output. Default is a file in '
             'the working directory with the id as its name.'),)

    def take_action(self, args: argparse.Namespace) -> None:
        address = self.locate(args)
        name = args.output or f'{"_".join(map(str, address))}.zip'
        content.write_chunks(self, name, self.resources.download(*address))
        if name != '-':
            self.print_line(
                f'Code package downloaded to {os.path.abspath(name)}')
