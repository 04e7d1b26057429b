# SPDX-License-Identifier: Apache-2.0
"""Plans: validated changes of functions, before anything is stored."""

from collections.abc import Mapping
import dataclasses
import typing

from oslo_config import cfg

from qinling import context
from qinling.core.function import flow_control
from qinling.core.function import retry_policy
from qinling.core.function import schemas
from qinling.core.runtime import runtimes
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import fields as declared
from qinling.sources import base as sources_base
from qinling.sources import javascript_syntax
from qinling.sources import python_syntax

if typing.TYPE_CHECKING:
    from qinling.core import services

DEFAULT_ENTRY = 'main.main'
_TEXTS = declared.names(declared.Kind.TEXT)
_RESOURCES = declared.names(declared.Kind.RESOURCE)
_COUNTS = [field for field in declared.FUNCTION
           if field.kind is declared.Kind.COUNT]
#: Columns whose change needs other workers.
_RELOADING = frozenset(field.name for field in declared.FUNCTION
                       if field.reloads)

_Fields = Mapping[str, typing.Any]


@dataclasses.dataclass
class Plan:
    """Validated change of a function.

    ``values`` are columns, ``new_environment`` replaces environment and
    secrets unless ``None``, ``trust`` creates (true), deletes (false) or
    keeps (``None``) the trust.  The write sets ``followers``, the versions
    that follow a changed secret.
    """

    source: sources_base.Source
    values: dict[str, typing.Any]
    new_environment: dict[str, typing.Any] | None
    trust: bool | None
    package_size: int = 0
    reloads: bool = True
    followers: list[int] = dataclasses.field(default_factory=list)

    def set_package(self, package: str | None,
                    upload: typing.BinaryIO | None) -> None:
        """Record the stored package and the size of the upload."""
        self.values['package'] = package
        if package is not None and upload is not None:
            self.package_size = upload.seek(0, 2)

    def is_empty(self) -> bool:
        """Return whether the row stays as it is."""
        return (not self.values and self.new_environment is None
                and self.trust is None)


class Planner:
    """Validates the requests of users."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 backends: 'services.Backends') -> None:
        self._conf = conf
        self._db = db
        self._backends = backends

    def plan_create(self, ctx: context.RequestContext, code: _Fields,
                    fields: _Fields) -> Plan:
        """Return the plan of a new function.

        :raises Invalid: a field is not valid.
        """
        resources = {name: validation.default(self._conf, name)
                     for name in _RESOURCES if fields.get(name) is None}
        resources |= self._parse_numbers(fields)
        source = self.find_source(code.get('source'))
        runtime_id = fields.get('runtime_id')
        if source.needs_runtime or runtime_id:
            self._db.read(runtimes.check_available, ctx, runtime_id)
        values: dict[str, typing.Any] = {
            name: validation.text(name, fields.get(name)) for name in _TEXTS}
        if source.has_package:
            values['entry'] = values['entry'] or DEFAULT_ENTRY
        else:
            del values['entry']
        values |= resources | self._parse_policy(ctx.project_id, fields)
        values |= schemas.plan(None, fields) | flow_control.plan(fields)
        now = models.now()
        values.update(project_id=ctx.project_id, runtime_id=runtime_id,
                      created_at=now, updated_at=now)
        return Plan(
            source, values,
            self._backends.environments.plan(None, fields, source),
            self._backends.trusts.plan_create(
                ctx, fields.get('trust'), source))

    def _parse_numbers(self, fields: _Fields) -> dict[str, typing.Any]:
        numbers = {name: validation.resource(self._conf, name, fields[name])
                   for name in _RESOURCES if fields.get(name) is not None}
        return numbers | {
            field.name: validation.count(self._conf, field,
                                         fields[field.name])
            for field in _COUNTS if fields.get(field.name) is not None}

    def _parse_policy(self, project_id: str, fields: _Fields
                      ) -> dict[str, typing.Any]:
        if fields.get('async_policy') is None:
            return {}
        policy = retry_policy.parse(fields['async_policy'])
        self._db.read(retry_policy.check_target, project_id, policy)
        return {'async_policy': policy}

    def plan_update(self, ctx: context.RequestContext, row: typing.Any,
                    fields: _Fields, upload: typing.BinaryIO | None
                    ) -> Plan:
        """Return the plan of a change.

        :raises Invalid: a field is not valid.
        """
        values: dict[str, typing.Any] = {
            name: validation.text(name, fields[name])
            for name in _TEXTS if fields.get(name) is not None}
        if values.get('entry') == '':
            values['entry'] = DEFAULT_ENTRY
        values |= self._parse_numbers(fields)
        values |= self._parse_policy(row.project_id, fields)
        values |= flow_control.plan(fields)
        values |= schemas.plan(row, fields)
        code = fields.get('code')
        if (code is not None and code.get('source', row.code['source'])
                != row.code['source']):
            raise exception.Invalid(
                'The function code type can not be changed.')
        source = self.find_source(row.code['source'])
        # ``code`` of an uploaded package is no change without an upload.
        reloads = (upload is not None or bool(_RELOADING & set(values))
                   or code is not None and not source.uploaded)
        new_environment = self._backends.environments.plan(
            row, fields, source)
        return Plan(
            source, values, new_environment,
            self._backends.trusts.plan_update(
                ctx, row, fields, source,
                reloads or new_environment is not None),
            reloads=reloads)

    def check_syntax(self, plan: Plan, runtime_id: str | None,
                     entry: str | None, upload: typing.BinaryIO | None
                     ) -> None:
        """Check the syntax of an upload, if the language is known.

        :raises Invalid: the module of the entry has a syntax error.
        """
        if (upload is None or not entry or not plan.source.uploaded
                or not self._conf.sources.check_syntax):
            return
        rows = self._db.read(crud.select, models.Runtime,
                             models.Runtime.id == runtime_id)
        for module in (python_syntax, javascript_syntax):
            if rows and module.is_checkable(
                    rows[0].language, rows[0].language_version):
                module.check(upload, entry, self._conf.resource_limits)

    def find_source(self, name: typing.Any) -> sources_base.Source:
        """Return the source of this name.

        :raises Invalid: the source is unknown.
        """
        sources = self._backends.sources
        if not isinstance(name, str) or name not in sources:
            names = sorted(name for name, source in sources.items()
                           if source.is_available)
            raise exception.Invalid(
                'Invalid code source specified. It must be one of: '
                f'{", ".join(names)}.')
        return sources[name]
