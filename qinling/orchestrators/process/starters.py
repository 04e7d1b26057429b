# SPDX-License-Identifier: Apache-2.0
"""Which way to start workers this machine has."""

import logging
import os

from qinling import exception
from qinling.orchestrators.process import cgroups
from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import launchers
from qinling.orchestrators.process import worker

LOG = logging.getLogger(__name__)


def choose(options, directory, plan, programs, groups):
    """A :class:`.worker.Starter` with the first launcher that works, and a
    text that says which and why.

    :param options: the group ``process`` of the configuration.
    :param directory: a :class:`.worker.Directory`.
    :param plan: a :class:`.plan.Plan`.
    :param programs: :class:`.languages.Programs`.
    :param groups: see :mod:`.cgroups`.
    :raises PermanentError: the isolation that was asked for is not to be
        had.
    """
    reasons = []
    root = os.path.join(directory.path, 'root')
    os.makedirs(root, exist_ok=True)
    for launcher in launchers.candidates(
            options.isolation, programs.python, root):
        starter = worker.Starter(
            options, directory, launcher, plan, programs, groups)
        try:
            _try(starter, options.start_timeout)
        except (worker.StartFailed, OSError) as error:
            reasons.append(f'{launcher.name} does not work: {error}')
            continue
        if options.isolation == 'strict':
            _check(starter, groups)
        if reasons:
            LOG.warning('Workers are isolated by %s, since %s',
                        launcher.name, '; '.join(reasons))
        return starter, '; '.join([launcher.name] + reasons)
    if options.isolation == 'strict':
        reasons.append(f'namespaces: {confinement.REMEDIES["namespaces"]}')
    raise exception.PermanentError(
        'Workers cannot be started here: ' + '; '.join(reasons))


def _check(starter, groups):
    missing = starter.confinement.missing(
        groups.controllers, cgroups.CONTROLLERS)
    if missing:
        raise exception.PermanentError(
            '[process] isolation is strict, and this machine lacks '
            + '; '.join(missing) + f' ({groups.description}).')


def _try(starter, timeout):
    process = starter.launch(next(iter(languages.BOOTSTRAPS)))
    process.await_ready(timeout)
    process.end()
    process.wait()
