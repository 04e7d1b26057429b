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

"""Webhooks."""

import json

from qinling_tempest_plugin.services import base


class WebhookClient(base.Client):
    """A client of webhooks."""

    path = '/v1/webhooks'

    def invoke(self, id, **values):
        """What somebody without a token gets for calling the URL.

        :returns: (status, decoded body).
        """
        resp, body = self.raw_request(
            f'{self.base_url}{self.path}/{id}/invoke', 'POST',
            headers={'Content-Type': 'application/json'},
            body=json.dumps(values))
        return resp.status, self._decoded(resp, body)
