# SPDX-License-Identifier: Apache-2.0
"""Identification of callers: one module per ``[api] auth_strategy``.

A module has ``create(conf)``, which returns an :data:`Identify`.  Identify
raises ``Unauthorized`` (unknown caller), ``Forbidden`` (the caller must not
use the service at all), ``RateLimited`` (too many wrong passwords) or
``Unavailable`` (the identity service is down or busy).  The policies decide on
single operations.

``password_file``, ``password_verifier`` and ``login_throttle`` are parts of
``http_basic``.
"""

from collections.abc import Callable
import importlib
from wsgiref import types as wsgi_types

from oslo_config import cfg

from qinling import context

#: Function from a WSGI environment to the context of the caller.
Identify = Callable[[wsgi_types.WSGIEnvironment], context.RequestContext]


def load(conf: cfg.ConfigOpts) -> Identify:
    """Return the strategy of ``[api] auth_strategy``.

    :raises ValueError: an option of the strategy is not valid.
    """
    name = conf.api.auth_strategy
    # Imported on demand: other strategies need other libraries.
    identify: Identify = importlib.import_module(
        f'{__name__}.{name}').create(conf)
    return identify
