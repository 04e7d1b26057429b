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


"""Workers, as far as the core has to do with them."""

from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)


def retire(engine, function_id, version):
    """Have the workers go that served what was just changed or deleted.

    Nothing depends on it: what a worker has loaded is part of what it is
    chosen by, so that nothing runs on these again, and idle workers go by
    themselves.  So a change is not refused because no engine hears of it.
    """
    try:
        engine.detach(function_id, version)
    except exception.Unavailable as e:
        LOG.warning('Workers of function %s stay until they have been idle '
                    'for long: %s', function_id, e)
