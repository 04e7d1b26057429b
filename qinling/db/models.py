# SPDX-License-Identifier: Apache-2.0
"""The tables.

Times are UTC without a zone, to the microsecond.  ``revision`` counts the
changes of a row, so that a writer can say which state it has seen.
"""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

Time, Long, Id, Exact = columns.Time, columns.Long, columns.Id, columns.Exact
Base = columns.Base
now, new_id = columns.now, columns.new_id
_column = orm.mapped_column


class Common:
    """Columns of everything that a project owns."""

    id = _column(Id, primary_key=True, default=new_id)
    project_id = _column(sa.String(80), nullable=False)
    created_at = _column(Time, nullable=False, default=now)
    updated_at = _column(Time, onupdate=now)


class Revised:
    """A row whose changes are counted."""

    revision = _column(sa.Integer, nullable=False, default=1,
                       server_default='1')


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


#: What a version freezes.
SNAPSHOT = ('code', 'package', 'entry', 'cpu', 'memory_size', 'timeout',
            'async_policy', 'runtime_id', 'settings_id')


class Snapshot:
    """What an execution runs: the same for a function and a version."""

    code = _column(sa.JSON, nullable=False)
    #: Storage key of the package; ``None`` when there is none.
    package = _column(sa.String(128), index=True)
    entry = _column(sa.String(80))
    cpu = _column(sa.Integer, nullable=False)
    memory_size = _column(sa.BigInteger, nullable=False)
    timeout = _column(sa.Integer, nullable=False)
    #: What follows a failure that nobody waits for; see
    #: :mod:`qinling.core.function.retry_policy`.
    async_policy = _column(sa.JSON(none_as_null=True))
    #: Its :class:`FunctionSettings`; ``None`` when they would be empty.
    settings_id = _column(Id, index=True)

    @orm.declared_attr
    def runtime_id(cls):
        return _column(Id, sa.ForeignKey('runtimes.id'), index=True)


class Warm:
    """Something that workers can be kept warm for."""

    #: Workers that each engine keeps, also while nothing runs.
    min_workers = _column(sa.Integer, nullable=False, default=0,
                          server_default='0')


class FunctionSettings(Base):
    """An environment, with the secrets in it; a row never changes."""

    __tablename__ = 'function_settings'

    id = _column(Id, primary_key=True, default=new_id)
    project_id = _column(sa.String(80), nullable=False)
    created_at = _column(Time, nullable=False, default=now)
    #: name -> text
    environment = _column(sa.JSON, nullable=False)
    #: name -> {"size": bytes of the text, "sealed": the text encrypted}
    secrets = _column(sa.JSON, nullable=False)


class Function(Common, Snapshot, Warm, Revised, Base):
    __tablename__ = 'functions'
    __table_args__ = (
        sa.Index('ix_functions_project', 'project_id', 'created_at', 'id'),
        Base.__table_args__)

    name = _column(sa.String(255))
    description = _column(sa.String(255))
    #: Executions begun on the latest code.
    count = _column(sa.BigInteger, nullable=False, default=0)
    #: The highest existing version number, 0 for none.
    latest_version = _column(sa.Integer, nullable=False, default=0)
    #: The highest number ever given to a version; it only grows.
    version_counter = _column(sa.Integer, nullable=False, default=0)
    trust_id = _column(sa.String(80))


class FunctionVersion(Common, Snapshot, Warm, Revised, Base):
    __tablename__ = 'function_versions'
    __table_args__ = (
        sa.UniqueConstraint('function_id', 'version_number',
                            name='uq_function_versions_number'),
        sa.Index('ix_function_versions_project', 'project_id'),
        Base.__table_args__)

    function_id = _column(
        Id, sa.ForeignKey('functions.id', ondelete='CASCADE'),
        nullable=False)
    version_number = _column(sa.Integer, nullable=False)
    description = _column(sa.String(255))
    count = _column(sa.BigInteger, nullable=False, default=0)


class FunctionAlias(Common, Revised, Base):
    __tablename__ = 'function_aliases'
    __table_args__ = (
        sa.UniqueConstraint('project_id', 'name',
                            name='uq_function_aliases_name'),
        sa.Index('ix_function_aliases_target', 'function_id',
                 'function_version'),
        Base.__table_args__)

    name = _column(Exact, nullable=False)
    description = _column(sa.String(255))
    function_id = _column(Id, sa.ForeignKey('functions.id'), nullable=False)
    function_version = _column(sa.Integer, nullable=False, default=0)
    #: version text -> weight, as the user gave it; ``alias_routes`` has it
    #: in the form that a join can use.
    routing = _column(sa.JSON(none_as_null=True))


class AliasRoute(Base):
    """One version that a weighted alias leads to.

    An execution has a point between 0 and 2**32; it runs the version whose
    ``low <= point < high``.
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
    """One state of an alias' target, kept for history and rollback;
    ``revision`` is that of the alias when it came to be."""

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


class Execution(Common, Base):
    """The truth about an execution; see ``doc/decisions``.

    ``owner`` is the engine that runs it, and ``lease_until`` the time after
    which anybody may take it over: because the owner has given no sign of
    life, or because nobody has claimed it.  A finished row has no lease, so
    that a sweep reads only what is due.  Rows outlive their function.
    """

    __tablename__ = 'executions'
    __table_args__ = (
        sa.UniqueConstraint('job_id', 'scheduled_at',
                            name='uq_executions_tick'),
        sa.Index('ix_executions_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_executions_function', 'function_id',
                 'function_version', 'status'),
        sa.Index('ix_executions_alias', 'project_id', 'function_alias'),
        sa.Index('ix_executions_lease', 'lease_until'),
        sa.Index('ix_executions_created', 'created_at'),
        Base.__table_args__)

    function_id = _column(Id, nullable=False)
    function_version = _column(sa.Integer, nullable=False, default=0)
    function_alias = _column(Exact)
    description = _column(sa.String(255))
    status = _column(sa.String(32), nullable=False)
    sync = _column(sa.Boolean, nullable=False, default=True)
    input = _column(Long)
    result = _column(Long)
    logs = _column(Long)
    owner = _column(sa.String(128))
    lease_until = _column(Time)
    #: How often it was begun.
    attempt = _column(sa.Integer, nullable=False, default=0)
    #: How often it failed and was given another attempt.
    retry = _column(sa.Integer, nullable=False, default=0,
                    server_default='0')
    #: When the next attempt begins, while it waits for that.
    next_attempt_at = _column(Time)
    job_id = _column(Id)
    scheduled_at = _column(Time)
    #: The execution that this one repeats.
    rerun_of = _column(Id)
    #: The execution whose failure this one is told of.
    failed_id = _column(Id)


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
    #: Why the latest tick came to nothing; ``None`` when it did not.
    status_reason = _column(sa.Text)
    pattern = _column(sa.String(255))
    #: What the pattern's times are of: an IANA name, ``None`` for UTC.
    timezone = _column(sa.String(64))
    misfire = _column(sa.String(32), nullable=False, default='once',
                      server_default='once')
    #: How many times it will fire yet, ``None`` for any number.
    count = _column(sa.Integer)
    first_execution_time = _column(Time)
    #: The next tick; ``None`` for a job that has ended.
    next_execution_time = _column(Time)


class Webhook(Common, Revised, Base):
    """A URL that runs a function.

    The secrets are encrypted; see :mod:`qinling.core.secrets`.  The previous
    one is as good as the present one before ``previous_until``.
    """

    __tablename__ = 'webhooks'
    __table_args__ = (
        sa.Index('ix_webhooks_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_webhooks_function', 'function_id', 'function_version'),
        sa.Index('ix_webhooks_alias', 'project_id', 'function_alias'),
        Base.__table_args__)

    function_id = _column(Id)
    function_alias = _column(Exact)
    function_version = _column(sa.Integer)
    description = _column(sa.String(255))
    sync = _column(sa.Boolean, nullable=False, default=False,
                   server_default='0')
    payload = _column(sa.String(32), nullable=False, default='merged',
                      server_default='merged')
    signature = _column(sa.String(32))
    secret = _column(sa.Text)
    previous_secret = _column(sa.Text)
    previous_until = _column(Time)
    #: Deliveries refused.
    refused = _column(sa.BigInteger, nullable=False, default=0,
                      server_default='0')


class IdempotencyKey(Base):
    """What the first request with an ``Idempotency-Key`` has made.

    ``id`` is a hash of the key and of who may use it, so that it has the
    same length whatever the key is; ``fingerprint`` is one of the request.
    """

    __tablename__ = 'idempotency_keys'
    __table_args__ = (sa.Index('ix_idempotency_keys_created', 'created_at'),
                      Base.__table_args__)

    id = _column(sa.String(64), primary_key=True)
    fingerprint = _column(sa.String(64), nullable=False)
    resource_id = _column(Id, nullable=False)
    created_at = _column(Time, nullable=False, default=now)


class Installation(Base):
    """The one row that tells this database from all others, for marks on
    what the service has elsewhere."""

    __tablename__ = 'installation'

    number = _column(sa.Integer, primary_key=True, autoincrement=False)
    id = _column(Id, nullable=False, default=new_id)


class Engine(Base):
    """An engine that has workers of its own; ``id`` is its name on the
    message bus, and ``seen_at`` its latest sign of life."""

    __tablename__ = 'engines'

    id = _column(sa.String(128), primary_key=True)
    seen_at = _column(Time, nullable=False)


#: What a project may have only so much of.
QUOTAS = ('functions', 'versions', 'storage_bytes', 'jobs', 'webhooks',
          'concurrent_executions')


class Build(Base):
    """What was installed for all packages that need the same; see
    :mod:`qinling.core.function.builds`."""

    __tablename__ = 'builds'
    __table_args__ = (sa.Index('ix_builds_digest', 'digest', 'created_at'),
                      Base.__table_args__)

    #: A hash of all that the result depends on.
    id = _column(sa.String(64), primary_key=True)
    #: A hash of the files that say what is needed.
    digest = _column(sa.String(64), nullable=False)
    kind = _column(sa.String(32), nullable=False)
    status = _column(sa.String(32), nullable=False)
    #: Why it failed.
    status_reason = _column(sa.Text)
    log = _column(Long)
    #: Storage key of what was installed, and its bytes.
    package = _column(sa.String(128), index=True)
    size = _column(sa.BigInteger)
    #: The engine that installs, and until when nobody else does.
    owner = _column(sa.String(128))
    lease_until = _column(Time)
    created_at = _column(Time, nullable=False, default=now)
    ended_at = _column(Time)
    used_at = _column(Time, nullable=False, default=now)


class Quota(Base):
    """The limits of a project, ``None`` for the default; whoever makes
    something that is limited holds the row."""

    __tablename__ = 'quotas'

    project_id = _column(sa.String(80), primary_key=True)
    functions = _column(sa.BigInteger)
    versions = _column(sa.BigInteger)
    storage_bytes = _column(sa.BigInteger)
    jobs = _column(sa.BigInteger)
    webhooks = _column(sa.BigInteger)
    concurrent_executions = _column(sa.BigInteger)
    updated_at = _column(Time, onupdate=now)


class Package(Base):
    """A stored package, by its storage key; ``size`` is in bytes."""

    __tablename__ = 'packages'
    __table_args__ = (sa.Index('ix_packages_project', 'project_id'),
                      Base.__table_args__)

    key = _column(sa.String(128), primary_key=True)
    project_id = _column(sa.String(80), nullable=False)
    size = _column(sa.BigInteger, nullable=False)
