# SPDX-License-Identifier: Apache-2.0
"""The shell ``qinling``: the commands without OpenStackClient."""

from cliff import app
from cliff import commandmanager

from qinling.client import access
from qinling import version

DESCRIPTION = ('Functions on Qinling. Without options it talks to the server '
               'on this machine and logs in nowhere.')


class Shell(app.App):
    """The application; ``argv`` is needed to know which options there are,
    since each way to log in has its own."""

    NAME = 'qinling'

    def __init__(self, argv):
        self._argv = argv
        self._failed = False
        super().__init__(
            DESCRIPTION, version.release(),
            commandmanager.CommandManager('openstack.function_engine.v1'),
            deferred_help=True)

    def build_option_parser(self, description, version):
        # An abbreviation would take away options of the commands.
        parser = super().build_option_parser(
            description, version, {'allow_abbrev': False})
        access.add_options(parser, self._argv)
        return parser

    def configure_logging(self):
        # Who looks for a fault wants to see the requests, too.
        if self.options.debug:
            self.options.verbose_level = 2
        super().configure_logging()

    def initialize_app(self, argv):
        self.client_manager = access.Manager(self.options)

    def run_subcommand(self, argv):
        code = super().run_subcommand(argv)
        self._failed = self._failed or code != 0
        return code

    def run(self, argv):
        """Run a command, or those that are read from standard input; these
        fail when one of them does."""
        code = super().run(argv)
        return int(self._failed) if self.interpreter else code


def main(argv):
    """Run a command; its exit code."""
    return Shell(argv).run(argv)
