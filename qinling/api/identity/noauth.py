#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
