# SPDX-License-Identifier: Apache-2.0
"""Installation of the dependencies of targets, on workers of an engine."""

import typing

from oslo_config import cfg

from qinling.core import services
from qinling.core import targets
from qinling.engine.workers import invoker as invoker_module
from qinling.engine.workers import package_installer
from qinling import exception
from qinling.orchestrators import base
from qinling.sources import dependencies


class Evictor(typing.Protocol):
    """Owner of the idle workers of functions."""

    def evict(self) -> bool:
        """Destroy the worker that was idle longest.

        :returns: whether any worker was idle.
        """


class Installer(package_installer.PackageInstaller):
    """Installs the dependencies of targets."""

    def __init__(self, conf: cfg.ConfigOpts,
                 orchestrator: base.Orchestrator,
                 invoker: invoker_module.Invoker,
                 backends: services.Backends) -> None:
        super().__init__(conf, orchestrator, invoker)
        self._backends = backends
        self.evictor: Evictor | None = None

    def run(self, id: str, target: targets.Target) -> tuple[bytes, str]:
        """Return a ZIP archive with the dependencies, and the log.

        :raises Failed: the installation failed or exceeded a limit.
        """
        return self.install(package_installer.Order(
            id, target.code['dependencies']['kind'], self._read_files(target),
            base.FunctionKey(target.function_id, target.version),
            target.runtime_id))

    def _claim(self, order: package_installer.Order) -> base.Worker:
        """Claim a worker; idle workers of functions make room."""
        while True:
            try:
                return super()._claim(order)
            except exception.NoRoom:
                if self.evictor is None or not self.evictor.evict():
                    raise

    def _read_files(self, target: targets.Target) -> dict[str, str]:
        source = self._backends.sources[target.code['source']]
        try:
            with source.open(target.code, target.package) as package:
                return dependencies.read_files(
                    package, target.code['dependencies']['kind'],
                    self._conf.resource_limits.max_unpacked_size)
        except FileNotFoundError:
            raise exception.TargetReplaced('its package is gone')
        except exception.Invalid as e:
            # An older release accepted the package.
            raise package_installer.Failed(str(e))
