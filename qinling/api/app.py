# SPDX-License-Identifier: Apache-2.0
"""The WSGI application."""

import pecan

from qinling.api import hooks
from qinling.api import identity
from qinling.api import middleware
from qinling.api import pecan_patches
from qinling.api import request_middleware
from qinling.api import root
from qinling.telemetry import health as health_module


def make(services, identify=None, health=None, audit=None, tracer=None):
    """The application over the core.

    :param services: :class:`qinling.core.services.Services`.
    :param identify: function of a WSGI environment that returns a request
        context; what ``[api] auth_strategy`` says when not given.
    :param health: a :class:`qinling.telemetry.health.Health`; one that
        checks nothing when not given.
    :param audit: a :class:`qinling.api.audit.Audit`, or ``None``.
    :param tracer: a :class:`qinling.telemetry.tracing.Tracer`, or ``None``.
    :raises ValueError: the options for the strategy do not do.
    """
    conf = services.conf
    pecan_patches.remember_signatures()
    identify = identify or identity.load(conf)
    app = pecan.make_app(
        root.Root(services), debug=False, force_canonical=False,
        guess_content_type_from_ext=False, use_context_locals=False,
        request_cls=pecan_patches.Request,
        hooks=[hooks.ContextHook(identify, conf.api), hooks.ErrorHook()])
    return request_middleware.Observer(
        middleware.wrap(app, conf),
        health or health_module.Health(conf, {}), audit, tracer)
