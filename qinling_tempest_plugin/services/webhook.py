# SPDX-License-Identifier: Apache-2.0
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
