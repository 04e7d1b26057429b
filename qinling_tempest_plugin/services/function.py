# SPDX-License-Identifier: Apache-2.0
"""Functions."""

import json

from urllib3 import filepost

from qinling_tempest_plugin.services import base


class FunctionClient(base.Client):
    """A client of functions, which are made and changed by forms."""

    path = '/v1/functions'

    def _form(self, method, path, status, code, package, fields):
        form = dict(fields)
        if code is not None:
            form['code'] = json.dumps(code)
        parts = [(name, str(value)) for name, value in form.items()]
        if package is not None:
            parts.append(('package', ('package.zip', package)))
        body, kind = filepost.encode_multipart_formdata(parts)
        send = {'POST': self.post, 'PUT': self.put}[method]
        resp, answer = send(path, body, headers=dict(
            self.get_headers(), **{'Content-Type': kind}))
        self.expected_success(status, resp.status)
        return self._decoded(resp, answer)

    def create(self, code=None, package=None, **fields):
        """Make one.

        :param code: for instance ``{'source': 'package'}``.
        :param package: bytes of a ZIP file.
        """
        return self._form('POST', self.path, 201, code, package, fields)

    def update(self, id, code=None, package=None, **fields):
        """Change one."""
        return self._form('PUT', f'{self.path}/{id}', 200, code, package,
                          fields)

    def download(self, id):
        """The bytes of the package."""
        return self.read(f'{self.path}/{id}', download='true')

    def workers(self, id):
        """The workers that serve it; for administrators."""
        return self.read(f'{self.path}/{id}/workers')['workers']

    def detach(self, id):
        """Drop the workers that serve it; for administrators."""
        resp, _ = self.post(f'{self.path}/{id}/detach', '')
        self.expected_success(202, resp.status)
