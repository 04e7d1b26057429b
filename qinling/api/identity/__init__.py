# SPDX-License-Identifier: Apache-2.0
"""Who asks: one module for each ``[api] auth_strategy``.

A module has ``make(conf)``, which returns a function of a WSGI environment
that returns a request context, or raises ``Unauthorized`` (nobody known),
``Forbidden`` (somebody who may not use the service at all) or
``Unavailable`` (who knows cannot be asked).  What a caller may do is the
business of the policies.
"""

import importlib


def load(conf):
    """How callers are identified, as ``[api] auth_strategy`` says.

    :raises ValueError: the strategy cannot work with these options; says
        which option to change.
    """
    name = conf.api.auth_strategy
    # Imported here, so that nobody pays for what he does not use.
    return importlib.import_module(f'{__name__}.{name}').make(conf)
