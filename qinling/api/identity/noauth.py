# SPDX-License-Identifier: Apache-2.0
"""The strategy ``noauth``: everything belongs to one project, and headers
that claim an identity are ignored."""

from qinling import context


def make(_conf):
    """See :mod:`qinling.api.identity`."""
    return _nobody


def _nobody(_environ):
    return context.RequestContext(
        project_id='default', user_id='default', is_admin=True,
        roles=['admin'])
