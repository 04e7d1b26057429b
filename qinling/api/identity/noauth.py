# SPDX-License-Identifier: Apache-2.0
"""Strategy ``noauth``: one project, and every caller is an admin.

Identity headers of requests are ignored.
"""

from wsgiref import types as wsgi_types

from oslo_config import cfg

from qinling.api import identity
from qinling import context


def create(_conf: cfg.ConfigOpts) -> identity.Identify:
    """Return the strategy; see :mod:`qinling.api.identity`."""
    return _identify_as_default


def _identify_as_default(_environ: wsgi_types.WSGIEnvironment
                         ) -> context.RequestContext:
    return context.RequestContext(
        project_id='default', user_id='default', is_admin=True,
        roles=['admin'])
