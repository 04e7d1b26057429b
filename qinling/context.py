# SPDX-License-Identifier: Apache-2.0
"""Identity of the caller, which every request carries."""

import collections.abc
import dataclasses
import typing

from oslo_context import context


@dataclasses.dataclass(frozen=True, slots=True)
class TraceContext:
    """Ids that follow a request through all processes.

    ``traceparent`` is a header of W3C Trace Context.
    """

    request_id: str | None = None
    global_request_id: str | None = None
    traceparent: str | None = None


class Enforcer(typing.Protocol):
    """Decides what callers may do, see :mod:`qinling.policy`."""

    def permits(self, rule: str, target: collections.abc.Mapping[
            str, typing.Any], caller: context.RequestContext) -> bool:
        """Return whether a rule permits a caller to act on a target."""


class RequestContext(context.RequestContext):
    """OpenStack request context with the permissions of the caller.

    Only :meth:`elevated` returns a context that sees every project.
    """

    #: W3C Trace Context header of the span that the request belongs to.
    traceparent: str | None = None
    #: Every authenticated caller has a project.
    project_id: str

    def __init__(self, enforcer: Enforcer | None = None,
                 sees_all: bool = False, **kwargs: typing.Any) -> None:
        super().__init__(**kwargs)
        self.enforcer = enforcer
        self.sees_all = sees_all

    def update_store(self) -> None:
        """Leave the log context of the thread alone.

        The base class would replace the log context with every new context.
        """

    def use_in_log(self) -> None:
        """Write the log records of this thread with this context."""
        super().update_store()

    def join_request(self, environ: collections.abc.Mapping[
            str, typing.Any]) -> None:
        """Take over the ids of a request from the WSGI environment."""
        self.request_id = environ['openstack.request_id']
        self.global_request_id = environ['openstack.global_request_id']
        self.traceparent = environ['qinling.traceparent']

    def trace_context(self) -> TraceContext:
        """Return the ids that follow the request into the engine."""
        return TraceContext(self.request_id, self.global_request_id,
                            self.traceparent)

    def can(self, rule: str, target: collections.abc.Mapping[
            str, typing.Any] | None = None) -> bool:
        """Return whether the policy ``rule`` permits the caller to act.

        :param target: attributes of the resource acted on; the project of
            the caller by default.
        """
        if self.enforcer is None:
            return True
        if target is None:
            target = {'project_id': self.project_id}
        return self.enforcer.permits(rule, target, self)

    def visible_scope(self) -> 'RequestContext':
        """Return the context for a resource addressed by id.

        Admins reach the resources of all projects, other callers the
        resources of their own project.
        """
        return self.elevated() if self.can('admin_required') else self

    def elevated(self) -> 'RequestContext':
        """Return a context of the same caller that sees all projects."""
        return _copy(self, sees_all=True)


def _copy(template: '_Context', **values: typing.Any) -> '_Context':
    """Return a copy with other values.

    The constructor takes ten times as many calls.
    """
    copy = object.__new__(type(template))
    copy.__dict__.update(template.__dict__, **values)
    return copy


_Context = typing.TypeVar('_Context', bound=RequestContext)
_ADMIN = RequestContext(is_admin=True, sees_all=True)


def admin(project_id: str = 'default') -> RequestContext:
    """Return the context of the service, which sees every project."""
    return _copy(_ADMIN, project_id=project_id,
                 request_id=context.generate_request_id())


class RestrictedContext(RequestContext):
    """Context that only permits the given rules."""

    def __init__(self, rules: collections.abc.Iterable[str] = (),
                 **kwargs: typing.Any) -> None:
        super().__init__(**kwargs)
        self._rules = frozenset(rules)

    def can(self, rule: str, target: collections.abc.Mapping[
            str, typing.Any] | None = None) -> bool:
        """Return whether ``rule`` is among the permitted rules."""
        return rule in self._rules


_NOBODY = RestrictedContext()


def anonymous(rule: str) -> RequestContext:
    """Return the context of a caller at a public route with this rule."""
    return _copy(_NOBODY, _rules=frozenset([rule]),
                 request_id=context.generate_request_id())


def project_owner(project_id: str, caller: RequestContext | None = None
                  ) -> RequestContext:
    """Return the context of a project whose trigger fires.

    :param caller: context of the request behind the trigger, if any; the
        execution inherits its ids.
    """
    if caller is None:
        return _copy(_NOBODY, project_id=project_id,
                     request_id=context.generate_request_id())
    return _copy(_NOBODY, project_id=project_id,
                 request_id=caller.request_id,
                 global_request_id=caller.global_request_id,
                 traceparent=caller.traceparent)


def log_context(trace: TraceContext, project_id: str) -> RequestContext:
    """Return the context for log records about an execution."""
    copy = _copy(_LOG_CONTEXT, project_id=project_id)
    if trace.request_id:
        copy.request_id = trace.request_id
    if trace.global_request_id:
        copy.global_request_id = trace.global_request_id
    return copy


_LOG_CONTEXT = RequestContext(request_id='-')
