# SPDX-License-Identifier: Apache-2.0
"""Selection of the sandbox backend that works on this machine."""

from collections.abc import Iterator
import logging
import os

from oslo_config import cfg

from qinling import exception
from qinling.orchestrators.process import cgroups
from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import sandbox_backends
from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import worker

LOG = logging.getLogger(__name__)


def select_starter(options: cfg.ConfigOpts.GroupAttr,
                   directory: worker.Directory,
                   spec: sandbox_spec.SandboxSpec,
                   interpreters: languages.Interpreters,
                   groups: cgroups.Cgroups | cgroups.NoCgroups
                   ) -> tuple[worker.Starter, str]:
    """Return a starter with the first backend that works.

    :param options: the configuration group ``process``.
    :returns: the starter, and a text for operators: the backend, and why
        better backends do not work.
    :raises PermanentError: no backend gives the configured isolation.
    """
    reasons: list[str] = []
    for starter in create_starters(options, directory, spec, interpreters,
                                   groups):
        backend = starter.backend
        try:
            check_start(starter, options.start_timeout)
        except (worker.StartFailed, OSError) as error:
            reasons.append(f'{backend.name} does not work: {error}')
            continue
        if options.isolation == 'strict':
            _check_strict(starter, groups)
        if reasons:
            LOG.warning('Isolating workers by %s, since %s', backend.name,
                        '; '.join(reasons))
        return starter, '; '.join([backend.name] + reasons)
    if options.isolation == 'strict':
        reasons.append(f'namespaces: {confinement.REMEDIES["namespaces"]}')
    raise exception.PermanentError(
        'Workers cannot be started here: ' + '; '.join(reasons))


def create_starters(options: cfg.ConfigOpts.GroupAttr,
                    directory: worker.Directory,
                    spec: sandbox_spec.SandboxSpec,
                    interpreters: languages.Interpreters,
                    groups: cgroups.Cgroups | cgroups.NoCgroups
                    ) -> Iterator[worker.Starter]:
    """Yield a starter for each backend that may work, the best one first."""
    root = os.path.join(directory.path, 'root')
    os.makedirs(root, exist_ok=True)
    for backend in sandbox_backends.list_candidates(
            options.isolation, interpreters.python.path, root):
        yield worker.Starter(
            options, directory, backend, spec, interpreters, groups)


def check_start(starter: worker.Starter, timeout: float) -> None:
    """Start and stop a worker.

    :raises StartFailed, OSError: the worker did not become ready.
    """
    process = starter.launch(languages.INSTALLER)
    process.wait_ready(timeout)
    process.stop()
    process.wait()


def _check_strict(starter: worker.Starter,
                  groups: cgroups.Cgroups | cgroups.NoCgroups) -> None:
    """Raise ``PermanentError`` if an element of strict isolation is missing.
    """
    missing = starter.confinement.list_missing(
        groups.controllers, cgroups.CONTROLLERS)
    if missing:
        raise exception.PermanentError(
            '[process] isolation is strict, and this machine lacks '
            + '; '.join(missing) + f' ({groups.description}).')
