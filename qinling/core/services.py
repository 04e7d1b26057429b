# SPDX-License-Identifier: Apache-2.0
"""Building the core: once in each process, and handed to whoever needs it."""

import dataclasses

from qinling.core.execution import dispatch
from qinling.core.execution import executions
from qinling.core.function import aliases
from qinling.core.function import builds
from qinling.core.function import environment
from qinling.core.function import functions
from qinling.core.function import packages
from qinling.core.function import trusts
from qinling.core.function import versions
from qinling.core import quotas
from qinling.core.runtime import runtimes
from qinling.core import secrets
from qinling.core.trigger import deliveries
from qinling.core.trigger import jobs
from qinling.core.trigger import webhooks
from qinling import drivers
from qinling.sources import image
from qinling.sources import package
from qinling.sources import swift


@dataclasses.dataclass(frozen=True)
class Services:
    """The core's nouns, ready to use."""

    conf: object
    runtimes: runtimes.Runtimes
    functions: functions.Functions
    versions: versions.Versions
    aliases: aliases.Aliases
    executions: executions.Executions
    jobs: jobs.Jobs
    webhooks: webhooks.Webhooks
    deliveries: deliveries.Deliveries
    quotas: quotas.Quotas
    settings: environment.Settings
    builds: builds.Builds

    def close(self):
        """Write what is still to be written, when no more requests come."""
        self.deliveries.close()


@dataclasses.dataclass(frozen=True)
class Code:
    """Where code comes from and lies: ``sources`` by their names, the
    packages of those that store any, in whose name they are run, and with
    what environment; ``keystone`` is ``None`` when callers are not known to
    it."""

    sources: dict
    packages: packages.Packages
    trusts: trusts.Trusts
    settings: environment.Settings
    keystone: object = None


def code(conf, db):
    """The code sources over the configured storage."""
    storage = drivers.load('storage', conf.storage.provider)(conf)
    keystone, objects = _openstack(conf)
    sources = {'package': package.Driver(conf, storage),
               'swift': swift.Driver(conf, objects)}
    if conf.engine.orchestrator != 'process':
        # Plain processes are made of no image.
        sources['image'] = image.Driver()
    return Code(sources, packages.Packages(db, storage),
                trusts.Trusts(conf, db, keystone),
                environment.Settings(conf, db, secrets.Secrets(conf)), keystone)


def _openstack(conf):
    """Keystone and Swift, if callers are known there."""
    if conf.api.auth_strategy != 'keystone':
        return None, None
    # Imported here, so that nobody pays for what he does not use.
    from qinling.external import keystone
    from qinling.external import swift
    return keystone.Keystone(conf), swift.Swift(conf)


def build(conf, db, engine, code):
    """The core over a database, an engine client and a :class:`Code`."""
    limits = quotas.Quotas(conf, db)
    parts = (conf, db, engine, code, limits)
    runs = executions.Executions(
        conf, db, engine, dispatch.Dispatch(conf, db, engine))
    safe = secrets.Secrets(conf)
    return Services(
        conf=conf,
        runtimes=runtimes.Runtimes(db, engine),
        functions=functions.Functions(*parts),
        versions=versions.Versions(*parts),
        aliases=aliases.Aliases(db),
        executions=runs,
        jobs=jobs.Jobs(db, limits),
        webhooks=webhooks.Webhooks(db, safe, limits),
        deliveries=deliveries.Deliveries(conf, db, runs, safe),
        quotas=limits,
        settings=code.settings,
        builds=builds.Builds(db, engine))
