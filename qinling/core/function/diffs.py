# SPDX-License-Identifier: Apache-2.0
"""Differences between two versions of a function: settings and files."""

from collections.abc import Iterator
import contextlib
import dataclasses
import difflib
import typing

from oslo_config import cfg

from qinling import context
from qinling.core.function import environment as environments_module
from qinling.core.function import functions as functions_module
from qinling.core.function import secret_references
from qinling.core.function import versions as versions_module
from qinling.db import models
from qinling import exception
from qinling.runtimes import agent_archive

#: Changed files of one answer.
MAX_FILES = 1000
#: Bytes and lines of a file that is compared line by line, and lines of all
#: these files: a comparison takes quadratic time at worst.
MAX_TEXT_BYTES, MAX_TEXT_LINES, MAX_ALL_LINES = 100_000, 2000, 5000
#: Settings whose difference is shown elsewhere.
_HIDDEN_SETTINGS = ('package', 'settings_id', 'schema_digest')

_Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class FileChange:
    """Difference of one file.

    ``change`` is added, removed or changed; sizes are bytes; ``diff`` is a
    unified difference, ``None`` for binary and for large files.
    """

    path: str
    change: str
    old_size: int | None
    new_size: int | None
    diff: str | None


@dataclasses.dataclass(frozen=True)
class Difference:
    """Differences of two versions; ``settings`` maps names to old and new.

    ``truncated``: there are more than ``MAX_FILES`` files.
    """

    settings: dict[str, _Json]
    files: list[FileChange]
    truncated: bool


class Differences:
    """Comparison of versions that a caller sees."""

    def __init__(self, conf: cfg.ConfigOpts,
                 functions: functions_module.Functions,
                 versions: versions_module.Versions,
                 environments: environments_module.Environments) -> None:
        self._conf = conf
        self._functions = functions
        self._versions = versions
        self._environments = environments

    def compare(self, ctx: context.RequestContext, function_id: str,
                old: int | None, new: int) -> Difference:
        """Return what changed from one version to another.

        :param old: number of a version, 0 for the latest code, ``None`` for
            the latest version.
        :param new: number of a version, 0 for the latest code.
        :raises FunctionNotFound, FunctionVersionNotFound: see the name.
        """
        if old is None:
            old = int(self._functions.get(
                ctx, function_id).latest_version)
        rows = [self._get(ctx, function_id, number)
                for number in (old, new)]
        settings = self._compare_settings(*rows)
        files: list[FileChange] = []
        if rows[0].package != rows[1].package:
            with contextlib.ExitStack() as stack:
                archives = [self._open(ctx, stack, function_id, number)
                            for number in (old, new)]
                files = list(_compare_files(*archives))
        return Difference(settings, files[:MAX_FILES],
                          len(files) > MAX_FILES)

    def _get(self, ctx: context.RequestContext, function_id: str,
             number: int) -> typing.Any:
        if number:
            return self._versions.get(ctx, function_id, number)
        return self._functions.get(ctx, function_id)

    def _open(self, ctx: context.RequestContext, stack: contextlib.ExitStack,
              function_id: str, number: int) -> agent_archive.Archive:
        """Return the package of a version, open until the stack ends."""
        file = stack.enter_context(
            self._versions.download(ctx, function_id, number) if number
            else self._functions.download(ctx, function_id))
        try:
            return agent_archive.Archive(file, agent_archive.Limits(
                agent_archive.MAX_MEMBERS,
                self._conf.resource_limits.max_unpacked_size, None))
        except agent_archive.BadArchive as e:
            raise exception.Conflict(
                reason=f'version {number} cannot be compared: {e}')

    def _compare_settings(self, old: typing.Any, new: typing.Any
                          ) -> dict[str, _Json]:
        pair = [self._read_settings(row) for row in (old, new)]
        return {name: {'old': pair[0][name], 'new': pair[1][name]}
                for name in pair[0] if pair[0][name] != pair[1][name]}

    def _read_settings(self, row: typing.Any) -> _Json:
        """Return the settings as the API shows them; no secret values."""
        settings = {name: getattr(row, name) for name
                    in (*models.SNAPSHOT, *models.SCHEMAS)
                    if name not in _HIDDEN_SETTINGS}
        stored = self._environments.read([row]).get(row.settings_id)
        settings['environment'] = stored.environment if stored else {}
        settings['secrets'] = {
            name: {'number': reference.number, 'mode': reference.mode}
            for name, reference in secret_references.load(stored).items()}
        return settings


def _compare_files(old: agent_archive.Archive, new: agent_archive.Archive
                   ) -> Iterator[FileChange]:
    """Yield the changed files, in the order of their paths.

    Files with equal size and checksum count as equal.
    """
    remaining_lines = MAX_ALL_LINES
    for path in sorted(old.tree.keys() | new.tree.keys()):
        before, after = old.tree.get(path), new.tree.get(path)
        if _identify(before) == _identify(after):
            continue
        change = ('added' if before is None
                  else 'removed' if after is None else 'changed')
        lines = [_read_lines(archive, member) for archive, member
                 in ((old, before), (new, after))]
        diff = None
        if lines[0] is not None and lines[1] is not None:
            count = len(lines[0]) + len(lines[1])
            if count <= remaining_lines:
                remaining_lines -= count
                diff = ''.join(difflib.unified_diff(
                    lines[0], lines[1], f'old/{path}', f'new/{path}'))
        yield FileChange(path, change, _size(before), _size(after), diff)


def _size(member: typing.Any) -> int | None:
    return None if member is None else member.size


def _identify(member: typing.Any) -> tuple[typing.Any, ...] | None:
    """Return what equal members have in common; ``None`` for directories."""
    if member is None or member.kind == agent_archive.DIRECTORY:
        return None
    return member.kind, member.size, member.crc


def _read_lines(archive: agent_archive.Archive, member: typing.Any
                ) -> list[str] | None:
    """Return the lines of a member, ``None`` for binary or large content."""
    if member is None or member.kind == agent_archive.DIRECTORY:
        return []
    if member.size > MAX_TEXT_BYTES:
        return None
    try:
        text = b''.join(archive.read_chunks(member)).decode()
    except (UnicodeDecodeError, agent_archive.BadArchive):
        return None
    lines = text.splitlines(keepends=True)
    if '\0' in text or len(lines) > MAX_TEXT_LINES:
        return None
    if lines and not lines[-1].endswith('\n'):
        lines[-1] += '\n\\ No newline at end of file\n'
    return lines
