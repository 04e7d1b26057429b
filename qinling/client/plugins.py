# SPDX-License-Identifier: Apache-2.0
"""Entry points of single distributions.

stevedore reads the metadata of all installed distributions, which takes
longer than most commands.
"""

from __future__ import annotations

from importlib import metadata
import typing

from cliff import commandmanager
from stevedore import extension

#: Entry points of the commands.
COMMANDS = 'openstack.function_engine.v1'
#: Commands of the shell alone.
SHELL_COMMANDS = {
    name: metadata.EntryPoint(name, value, COMMANDS) for name, value in (
        ('complete', 'qinling.client.completion:Complete'),
        ('help', 'qinling.client.help:Help'),
        ('overview', 'qinling.client.commands.overview:Overview'))}


def list_entry_points(distribution: str, group: str
                      ) -> list[metadata.EntryPoint]:
    """Return the entry points of a group in one distribution."""
    try:
        points = metadata.distribution(distribution).entry_points
    except metadata.PackageNotFoundError:
        return []
    return list(points.select(group=group))


def load_formatters(group: str) -> extension.ExtensionManager[typing.Any]:
    """Return the output formats of cliff, and JSON lines."""
    points = [*list_entry_points('cliff', group), metadata.EntryPoint(
        'jsonl', 'qinling.client.commands.json_lines:Formatter', group)]
    return extension.ExtensionManager.make_test_instance([
        extension.Extension(point.name, point, plugin, plugin())
        for point in points for plugin in [point.load()]], namespace=group)


class CommandManager(commandmanager.CommandManager):
    """Finder of the commands of Qinling."""

    #: Nouns that the shell accepts without the word "function".
    SHORT = ('alias', 'apply', 'budget', 'build', 'describe', 'dev',
             'diff', 'doctor', 'execution', 'export', 'failure', 'init',
             'invoke', 'logs', 'operation', 'quota', 'replay', 'rollout',
             'secret', 'stats', 'test', 'trigger', 'version', 'worker')

    def load_commands(self, namespace: str) -> None:
        """Load the commands of the distribution."""
        self.group_list.append(namespace)
        for point in list_entry_points('qinling', namespace):
            self.commands[point.name.replace('_', ' ')] = point

    def find_command(self, argv: list[str]) -> typing.Any:
        """Return the class, the name and the arguments of a command.

        :raises ValueError: if no command has the name.
        """
        if argv and argv[0] in self.SHORT:
            argv = ['function', *argv]
        return super().find_command(argv)
