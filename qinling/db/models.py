# SPDX-License-Identifier: Apache-2.0
"""Tables.

Times are UTC without a zone, to the microsecond.  ``revision`` counts the
changes of a row, so that writers can name a known state.
"""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import budget_table
from qinling.db import columns
from qinling.db import delivery_table
from qinling.db import engine_table
from qinling.db import event_table
from qinling.db import execution_table
from qinling.db import failure_table
from qinling.db import flow_table
from qinling.db import job_fire_table
from qinling.db import operation_table
from qinling.db import rollout_table
from qinling.db import statistics_table
from qinling.db import trust_table
from qinling.db import webhook_table

Time, Long, Id, Exact = columns.Time, columns.Long, columns.Id, columns.Exact
Base = columns.Base
Common = columns.Common
Revised = columns.Revised
Engine = engine_table.Engine
EngineAddress = engine_table.EngineAddress
Execution = execution_table.Execution
ExecutionStatistics = statistics_table.ExecutionStatistics
DailyStatistics = statistics_table.DailyStatistics
StatisticsProgress = statistics_table.StatisticsProgress
Rollout = rollout_table.Rollout
Budget = budget_table.Budget
JobFire = job_fire_table.JobFire
Delivery = delivery_table.Delivery
JobRun = job_fire_table.JobRun
Failure = failure_table.Failure
EventSource = event_table.EventSource
DeadLetter = event_table.DeadLetter
FlowEntry = flow_table.FlowEntry
FlowLock = flow_table.FlowLock
Operation = operation_table.Operation
ReplayResult = operation_table.ReplayResult
ReplacedTrust = trust_table.ReplacedTrust
Webhook = webhook_table.Webhook
ALL_VERSIONS = statistics_table.ALL_VERSIONS
ALL_FUNCTIONS = statistics_table.ALL_FUNCTIONS
now, new_id = columns.now, columns.new_id
_column = orm.mapped_column


class Runtime(Common, Revised, Base):
    __tablename__ = 'runtimes'
    __table_args__ = (sa.Index('ix_runtimes_project', 'project_id'),
                      Base.__table_args__)

    name = _column(sa.String(255))
    description = _column(sa.String(255))
    image = _column(sa.String(255), nullable=False)
    language = _column(sa.String(64))
    language_version = _column(sa.String(64))
    is_public = _column(sa.Boolean, nullable=False, default=True)
    trusted = _column(sa.Boolean, nullable=False, default=True)
    status = _column(sa.String(32), nullable=False)
    status_reason = _column(sa.Text)
    #: Image to restore while ``upgrading``.
    previous_image = _column(sa.String(255))
    #: Runtime that the versions moved to, while ``upgrading``.
    versions_runtime_id = _column(Id)


#: Columns that a version copies from its function.
SNAPSHOT = ('code', 'package', 'entry', 'cpu', 'memory_size', 'timeout',
            'async_policy', 'runtime_id', 'settings_id', 'schema_digest')
#: Columns that a version copies as well, and that no target contains.
SCHEMAS = ('input_schema', 'output_schema')


class Snapshot:
    """What an execution runs, of a function or a version."""

    code = _column(sa.JSON, nullable=False)
    #: Storage key of the package, or ``None``.
    package = _column(sa.String(128), index=True)
    entry = _column(sa.String(80))
    cpu = _column(sa.Integer, nullable=False)
    memory_size = _column(sa.BigInteger, nullable=False)
    timeout = _column(sa.Integer, nullable=False)
    #: See :mod:`qinling.core.function.retry_policy`.
    async_policy = _column(sa.JSON(none_as_null=True))
    #: Id of :class:`FunctionSettings`, ``None`` for an empty environment.
    settings_id = _column(Id, index=True)

    #: See :mod:`qinling.core.function.schemas`.
    input_schema = _column(columns.ExactJson)
    output_schema = _column(columns.ExactJson)
    #: Hash of both schemas, ``None`` without schemas.
    schema_digest = _column(sa.String(64))

    @orm.declared_attr
    def runtime_id(cls) -> orm.Mapped[str | None]:
        return _column(Id, sa.ForeignKey('runtimes.id'), index=True)


class Warm:
    """Function or version with provisioned workers."""

    #: Workers that the engines keep warm together.
    min_workers = _column(sa.Integer, nullable=False, default=0,
                          server_default='0')


def _create_warm_index(table: str) -> sa.Index:
    """Return the index of the few rows that engines look for all the time."""
    where = sa.text('min_workers > 0')
    return sa.Index(f'ix_{table}_warm', 'min_workers',
                    sqlite_where=where, postgresql_where=where)


class FunctionSettings(Base):
    """Environment with secrets; a row never changes."""

    __tablename__ = 'function_settings'

    id = _column(Id, primary_key=True, default=new_id)
    project_id = _column(sa.String(80), nullable=False)
    created_at = _column(Time, nullable=False, default=now)
    #: name -> text
    environment = _column(sa.JSON, nullable=False)
    #: name -> {"size": bytes of the text, "sealed": the text encrypted}
    secrets = _column(sa.JSON, nullable=False)
    #: name -> number of the value, for executions; ``None`` without secrets.
    secret_numbers = _column(sa.JSON(none_as_null=True))


class Function(Common, Snapshot, Warm, Revised, Base):
    __tablename__ = 'functions'
    __table_args__ = (
        sa.Index('ix_functions_project', 'project_id', 'created_at', 'id'),
        _create_warm_index('functions'),
        Base.__table_args__)

    name = _column(sa.String(255))
    description = _column(sa.String(255))
    #: Executions of the latest code.
    count = _column(sa.BigInteger, nullable=False, default=0)
    #: The highest existing version number, 0 for none.
    latest_version = _column(sa.Integer, nullable=False, default=0)
    #: The highest version number ever used.
    version_counter = _column(sa.Integer, nullable=False, default=0)
    trust_id = _column(sa.String(80))
    #: Newest versions to keep, 0 for all.
    keep_versions = _column(sa.Integer, nullable=False, default=0,
                            server_default='0')
    flow_control = _column(sa.JSON(none_as_null=True))


class FunctionVersion(Common, Snapshot, Warm, Revised, Base):
    __tablename__ = 'function_versions'
    __table_args__ = (
        sa.UniqueConstraint('function_id', 'version_number',
                            name='uq_function_versions_number'),
        sa.Index('ix_function_versions_project', 'project_id'),
        _create_warm_index('function_versions'),
        Base.__table_args__)

    function_id = _column(
        Id, sa.ForeignKey('functions.id', ondelete='CASCADE'),
        nullable=False)
    version_number = _column(sa.Integer, nullable=False)
    description = _column(sa.String(255))
    #: Why the version was published.
    message = _column(sa.Text)
    #: List of names, ``None`` for none.
    tags = _column(sa.JSON(none_as_null=True))
    #: See :mod:`qinling.core.digests`; ``None`` of old releases.
    digest = _column(sa.String(71))
    #: Name of a part -> hash of the part.
    digest_parts = _column(sa.JSON(none_as_null=True))
    count = _column(sa.BigInteger, nullable=False, default=0)


class FunctionAlias(Common, Revised, Base):
    __tablename__ = 'function_aliases'
    __table_args__ = (
        sa.UniqueConstraint('project_id', 'name',
                            name='uq_function_aliases_name'),
        sa.Index('ix_function_aliases_target', 'function_id',
                 'function_version'),
        sa.Index('uq_function_aliases_tool', 'project_id', 'tool',
                 unique=True),
        Base.__table_args__)

    name = _column(Exact, nullable=False)
    description = _column(sa.String(255))
    function_id = _column(Id, sa.ForeignKey('functions.id'), nullable=False)
    function_version = _column(sa.Integer, nullable=False, default=0)
    #: Name of the function as a tool, ``None`` for no tool.
    tool = _column(columns.Tool)
    #: Version text -> weight; ``alias_routes`` has a form for joins.
    routing = _column(sa.JSON(none_as_null=True))
    flow_control = _column(sa.JSON(none_as_null=True))


class AliasRoute(Base):
    """One version of a weighted alias.

    An execution with a routing point between 0 and 2**32 runs the version
    with ``low <= point < high``.
    """

    __tablename__ = 'alias_routes'

    alias_id = _column(
        Id, sa.ForeignKey('function_aliases.id', ondelete='CASCADE'),
        primary_key=True)
    function_version = _column(sa.Integer, primary_key=True,
                               autoincrement=False)
    weight = _column(sa.Float, nullable=False)
    low = _column(sa.BigInteger, nullable=False)
    high = _column(sa.BigInteger, nullable=False)


class AliasChange(Base):
    """Former or present target of an alias, for history and rollback.

    ``revision`` is the revision of the alias with this target.
    """

    __tablename__ = 'alias_changes'

    alias_id = _column(
        Id, sa.ForeignKey('function_aliases.id', ondelete='CASCADE'),
        primary_key=True)
    revision = _column(sa.Integer, primary_key=True, autoincrement=False)
    created_at = _column(Time, nullable=False, default=now)
    user_id = _column(sa.String(80))
    function_id = _column(Id, nullable=False)
    function_version = _column(sa.Integer, nullable=False)
    #: version text -> weight, or ``None``
    routing = _column(sa.JSON(none_as_null=True))
    #: Rollout that moved the alias, if any, and why.
    rollout_id = _column(Id)
    reason = _column(sa.Text)


class Job(Common, Revised, Base):
    __tablename__ = 'jobs'
    __table_args__ = (
        sa.Index('ix_jobs_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_jobs_due', 'status', 'next_execution_time'),
        sa.Index('ix_jobs_function', 'function_id', 'function_version'),
        sa.Index('ix_jobs_alias', 'project_id', 'function_alias'),
        Base.__table_args__)

    name = _column(sa.String(255))
    function_id = _column(Id)
    function_alias = _column(Exact)
    function_version = _column(sa.Integer, nullable=False, default=0)
    function_input = _column(Long)
    status = _column(sa.String(32), nullable=False)
    #: Why the latest fire time ran nothing, else ``None``.
    status_reason = _column(sa.Text)
    pattern = _column(sa.String(255))
    #: Time zone of the pattern: an IANA name, ``None`` for UTC.
    timezone = _column(sa.String(64))
    misfire = _column(sa.String(32), nullable=False, default='once',
                      server_default='once')
    #: Remaining number of fire times, ``None`` without a limit.
    count = _column(sa.Integer)
    first_execution_time = _column(Time)
    #: The time at which the next fire time is due; ``None`` for a job that
    #: has ended.
    next_execution_time = _column(Time)
    #: The next fire time of a job with a jitter.
    next_fire_time = _column(Time)
    start_at = _column(Time)
    end_at = _column(Time)
    #: Most seconds between a fire time and the time at which it is due.
    jitter = _column(sa.Integer)
    #: See :mod:`qinling.core.trigger.exclusions`.
    exclusions = _column(sa.JSON(none_as_null=True))
    #: See :class:`qinling.states.Overlap`.
    overlap = _column(sa.String(32), nullable=False, default='allow',
                      server_default='allow')
    max_failures = _column(sa.Integer)
    #: Failed executions in a row, of jobs that watch their executions.
    failures = _column(sa.Integer, nullable=False, default=0,
                       server_default='0')


class IdempotencyKey(Base):
    """Resource of the first request with an ``Idempotency-Key``.

    ``id`` is a hash of the key and its scope, ``fingerprint`` a hash of the
    request.
    """

    __tablename__ = 'idempotency_keys'
    __table_args__ = (sa.Index('ix_idempotency_keys_created', 'created_at'),
                      Base.__table_args__)

    id = _column(sa.String(64), primary_key=True)
    fingerprint = _column(sa.String(64), nullable=False)
    resource_id = _column(Id, nullable=False)
    created_at = _column(Time, nullable=False, default=now)


class Installation(Base):
    """Single row with the id of this database.

    The id marks resources of the service in other services.
    """

    __tablename__ = 'installation'

    number = _column(sa.Integer, primary_key=True, autoincrement=False)
    id = _column(Id, nullable=False, default=new_id)


QUOTAS = ('functions', 'versions', 'storage_bytes', 'jobs', 'webhooks',
          'event_sources', 'concurrent_executions')


class Build(Base):
    """Installed dependencies; see :mod:`qinling.core.function.builds`."""

    __tablename__ = 'builds'
    __table_args__ = (sa.Index('ix_builds_digest', 'digest', 'created_at'),
                      Base.__table_args__)

    #: Hash of all inputs.
    id = _column(sa.String(64), primary_key=True)
    #: Hash of the requirement files.
    digest = _column(sa.String(64), nullable=False)
    kind = _column(sa.String(32), nullable=False)
    status = _column(sa.String(32), nullable=False)
    #: Why the build failed.
    status_reason = _column(sa.Text)
    log = _column(Long)
    #: Storage key and bytes of the result.
    package = _column(sa.String(128), index=True)
    size = _column(sa.BigInteger)
    #: Engine that installs, and the end of its lease.
    owner = _column(sa.String(128))
    lease_until = _column(Time)
    created_at = _column(Time, nullable=False, default=now)
    ended_at = _column(Time)
    used_at = _column(Time, nullable=False, default=now)


class Quota(Base):
    """Limits of a project, ``None`` for the default.

    A transaction that creates a limited resource locks the row.
    """

    __tablename__ = 'quotas'

    project_id = _column(sa.String(80), primary_key=True)
    functions = _column(sa.BigInteger)
    versions = _column(sa.BigInteger)
    storage_bytes = _column(sa.BigInteger)
    jobs = _column(sa.BigInteger)
    webhooks = _column(sa.BigInteger)
    event_sources = _column(sa.BigInteger)
    concurrent_executions = _column(sa.BigInteger)
    updated_at = _column(Time, onupdate=now)


class Package(Base):
    """Stored package by storage key; ``size`` in bytes."""

    __tablename__ = 'packages'
    __table_args__ = (sa.Index('ix_packages_project', 'project_id'),
                      Base.__table_args__)

    key = _column(sa.String(128), primary_key=True)
    project_id = _column(sa.String(80), nullable=False)
    size = _column(sa.BigInteger, nullable=False)
