# SPDX-License-Identifier: Apache-2.0
"""Identification of callers: one module per ``[api] auth_strategy``.

A module has ``create(conf)``, which returns a :class:`Strategy`.  The policies
decide on single operations.

``password_file``, ``password_verifier`` and ``login_throttle`` are parts of
``http_basic``.
"""

import importlib
import typing
from wsgiref import types as wsgi_types

from oslo_config import cfg

from qinling import context


class Strategy(typing.Protocol):
    """Way to identify callers."""

    def identify(self, environ: wsgi_types.WSGIEnvironment
                 ) -> context.RequestContext:
        """Return the context of the caller of a request.

        :raises Unauthorized: the caller is unknown.
        :raises Forbidden: the caller must not use the service at all.
        :raises RateLimited: after many wrong passwords.
        :raises Unavailable: the identity service is down or busy.
        """


def load(conf: cfg.ConfigOpts) -> Strategy:
    """Return the strategy of ``[api] auth_strategy``.

    :raises ValueError: an option of the strategy is not valid.
    """
    name = conf.api.auth_strategy
    # Imported on demand: other strategies need other libraries.
    strategy: Strategy = importlib.import_module(
        f'{__name__}.{name}').create(conf)
    return strategy
