# SPDX-License-Identifier: Apache-2.0
"""Client of webhooks."""

import json
import typing

from qinling_tempest_plugin.services import base


class WebhookClient(base.Client):
    """Client of webhooks."""

    path = '/v1/webhooks'

    def invoke(self, id: str, **values: typing.Any
               ) -> tuple[int, typing.Any]:
        """Call the URL of a webhook without a token.

        :returns: (status, decoded body).
        """
        response, body = self.raw_request(
            f'{self.base_url}{self.path}/{id}/invoke', 'POST',
            headers={'Content-Type': 'application/json'},
            body=json.dumps(values))
        return response.status, self.decode_body(response, body)
