# SPDX-License-Identifier: Apache-2.0
"""Who asks: the identity that goes with every request."""

import copy

from oslo_context import context


class RequestContext(context.RequestContext):
    """An OpenStack request context that knows what it may do.

    ``elevated()`` gives one that sees every project; nothing else does.
    """

    #: The span of a trace that this is a part of, as W3C Trace Context has
    #: it.
    traceparent = None

    def __init__(self, enforcer=None, sees_all=False, **kwargs):
        super().__init__(**kwargs)
        self.enforcer = enforcer
        self.sees_all = sees_all

    def update_store(self):
        """Nothing: the base class would make each new context the one that
        log records of this thread are written with."""

    def use_in_log(self):
        """Have the log records of this thread carry this context."""
        super().update_store()

    def is_part_of(self, environ):
        """Take over the ids of a request from its WSGI environment."""
        self.request_id = environ['openstack.request_id']
        self.global_request_id = environ['openstack.global_request_id']
        self.traceparent = environ['qinling.traceparent']

    def trail(self):
        """What follows a request wherever it leads, as plain data."""
        return {'request_id': self.request_id,
                'global_request_id': self.global_request_id,
                'traceparent': self.traceparent}

    def can(self, rule, target=None):
        """Whether the caller may do what the policy ``rule`` guards.

        :param target: the thing acted on, as a dict; the caller's own
            project when not given.
        """
        if self.enforcer is None:
            return True
        if target is None:
            target = {'project_id': self.project_id}
        return self.enforcer.authorize(rule, target, self.to_policy_values(),
                                       do_raise=False)

    def reach(self):
        """The context for one thing named by its id: an admin reaches those
        of all projects, anybody else his own."""
        return self.elevated() if self.can('admin_required') else self

    def elevated(self):
        """The same caller, seeing things of all projects."""
        wide = copy.copy(self)
        wide.sees_all = True
        return wide


def admin(project_id='default'):
    """The service itself: nobody is asked, every project is seen."""
    return RequestContext(project_id=project_id, is_admin=True, sees_all=True)


class Limited(RequestContext):
    """One that may do what ``rules`` names and nothing else, and reaches
    what is of its project."""

    def __init__(self, rules=(), **kwargs):
        super().__init__(**kwargs)
        self._rules = frozenset(rules)

    def can(self, rule, target=None):
        return rule in self._rules


def nobody(rule):
    """Who has no identity, at a public route with this rule."""
    return Limited([rule])


def owner(project_id, cause=None):
    """A project itself, when what it has set up runs without a caller.

    :param cause: the context of the request that makes it run, if any.
    """
    made = Limited(project_id=project_id)
    if cause is not None:
        made.request_id = cause.request_id
        made.global_request_id = cause.global_request_id
        made.traceparent = cause.traceparent
    return made


def following(trail, project_id):
    """What log records of an execution are written with."""
    ids = {name: trail.get(name) for name in (
        'request_id', 'global_request_id')} if trail else {}
    return RequestContext(project_id=project_id, **ids)
