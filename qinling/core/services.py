# SPDX-License-Identifier: Apache-2.0
"""Construction of core: once in each process, then passed to its users."""

from collections.abc import Mapping
import dataclasses
import typing

from oslo_config import cfg

from qinling.core import engine_client
from qinling.core.execution import budgets
from qinling.core.execution import dispatch
from qinling.core.execution import executions
from qinling.core.execution import failures
from qinling.core.execution import statistics
from qinling.core.execution import waits
from qinling.core import explain
from qinling.core.function import aliases
from qinling.core.function import builds
from qinling.core.function import diffs
from qinling.core.function import environment
from qinling.core.function import functions
from qinling.core.function import packages
from qinling.core.function import scaling
from qinling.core.function import trusts
from qinling.core.function import versions
from qinling.core.operation import operations
from qinling.core.operation import replays
from qinling.core import quotas
from qinling.core.rollout import rollouts
from qinling.core.runtime import runtimes
from qinling.core import secrets
from qinling.core.trigger import base as trigger
from qinling.core.trigger import batches
from qinling.core.trigger import dead_letters
from qinling.core.trigger import deliveries
from qinling.core.trigger import delivery_records
from qinling.core.trigger import event_sources
from qinling.core.trigger import fires
from qinling.core.trigger import jobs
from qinling.core.trigger import rate_limit
from qinling.core.trigger import reruns
from qinling.core.trigger import webhooks
from qinling.db import session
from qinling import drivers
from qinling.sources import base as sources_base
from qinling.sources import image
from qinling.sources import package
from qinling.sources import swift

if typing.TYPE_CHECKING:
    from qinling.external import keystone as keystone_module


@dataclasses.dataclass(frozen=True)
class Services:
    """Nouns of core, ready to use."""

    conf: cfg.ConfigOpts
    runtimes: runtimes.Runtimes
    functions: functions.Functions
    workers: scaling.WorkerScaling
    versions: versions.Versions
    differences: diffs.Differences
    aliases: aliases.Aliases
    rollouts: rollouts.Rollouts
    executions: executions.Executions
    failures: failures.Failures
    operations: operations.Operations
    replays: replays.Replays
    waits: waits.Waits
    triggers: trigger.Triggers
    reruns: reruns.Reruns
    batches: batches.Batches
    jobs: jobs.Jobs
    fires: fires.Fires
    webhooks: webhooks.Webhooks
    deliveries: deliveries.Deliveries
    delivery_records: delivery_records.DeliveryRecords
    event_sources: event_sources.EventSources
    dead_letters: dead_letters.DeadLetters
    quotas: quotas.Quotas
    environments: environment.Environments
    builds: builds.Builds
    statistics: statistics.StatisticsReader
    budgets: budgets.Budgets
    explainer: explain.Explainer

    def close(self) -> None:
        """Write buffered counters after the last request."""
        self.deliveries.close()


@dataclasses.dataclass(frozen=True)
class Backends:
    """Services behind the functions.

    ``sources`` have the code by name of source; ``keystone`` is ``None``
    without Keystone authentication.
    """

    sources: Mapping[str, sources_base.Source]
    packages: packages.Packages
    trusts: trusts.Trusts
    environments: environment.Environments
    keystone: 'keystone_module.Keystone | None' = None


def create_backends(conf: cfg.ConfigOpts, db: session.Database) -> Backends:
    """Return the code sources over the configured storage."""
    storage = drivers.load('storage', conf.storage.provider)(conf)
    keystone, objects = _create_openstack_clients(conf)
    sources: dict[str, sources_base.Source] = {
        'package': package.Driver(conf, storage),
        'swift': swift.Driver(conf, objects)}
    if drivers.load('orchestrators', conf.engine.orchestrator).runs_images:
        sources['image'] = image.Driver()
    return Backends(
        sources, packages.Packages(db, storage),
        trusts.Trusts(conf, db, keystone),
        environment.Environments(conf, db, secrets.Secrets(conf)), keystone)


def _create_openstack_clients(conf: cfg.ConfigOpts
                              ) -> tuple[typing.Any, typing.Any]:
    """Return the clients of Keystone and Swift, if configured."""
    if conf.api.auth_strategy != 'keystone':
        return None, None
    # Imported on demand: other deployments need neither.
    from qinling.external import keystone
    from qinling.external import swift
    return keystone.Keystone(conf), swift.Swift(conf)


def create_limit(conf: cfg.ConfigOpts) -> rate_limit.RateLimit:
    """Return the limit of deliveries.

    :raises ValueError: an option is wrong.
    """
    return rate_limit.RateLimit(
        conf.webhooks.rate_limit, conf.webhooks.rate_limit_storage)


def create_services(conf: cfg.ConfigOpts, db: session.Database,
                    engine: engine_client.EngineClient, backends: Backends,
                    limit: rate_limit.Limit | None = None) -> Services:
    """Return core over a database, an engine client and backends.

    :param limit: limit of deliveries, by default the limit of this process.
    """
    limits = quotas.Quotas(conf, db)
    existing = executions.Executions(conf, db, engine)
    dispatcher = dispatch.Dispatch(conf, db, engine, limits)
    triggers = trigger.Triggers(conf, db, engine, dispatcher, existing)
    functions_core = functions.Functions(conf, db, engine, backends, limits)
    versions_core = versions.Versions(conf, db, engine, backends, limits)
    aliases_core = aliases.Aliases(db)
    differences = diffs.Differences(conf, functions_core, versions_core,
                                    backends.environments)
    tasks = operations.Operations(conf, db)
    crypt = secrets.Secrets(conf)
    webhooks_core = webhooks.Webhooks(db, crypt, limits)
    receiver = deliveries.Deliveries(
        conf, db, triggers, crypt, limit or create_limit(conf))
    return Services(
        conf=conf, runtimes=runtimes.Runtimes(db, engine),
        functions=functions_core,
        workers=scaling.WorkerScaling(db, engine, backends.sources),
        versions=versions_core, differences=differences, aliases=aliases_core,
        rollouts=rollouts.Rollouts(db, aliases_core),
        executions=existing, failures=failures.Failures(db),
        operations=tasks, replays=replays.Replays(db, aliases_core, tasks),
        waits=waits.Waits(conf, dispatcher.admission, existing),
        triggers=triggers, reruns=reruns.Reruns(existing, triggers),
        batches=batches.Batches(db, triggers, dispatcher, existing),
        jobs=jobs.Jobs(db, limits), fires=fires.Fires(conf, db, engine),
        webhooks=webhooks_core, deliveries=receiver,
        delivery_records=delivery_records.DeliveryRecords(
            conf, db, webhooks_core, triggers, receiver.log),
        event_sources=event_sources.EventSources(conf, db, crypt, limits),
        dead_letters=dead_letters.DeadLetters(conf, db, engine),
        quotas=limits, environments=backends.environments,
        builds=builds.Builds(db, engine),
        statistics=statistics.StatisticsReader(
            conf, db, functions_core, versions_core, aliases_core),
        budgets=budgets.Budgets(conf, db),
        explainer=explain.Explainer(conf, db, backends, differences))
