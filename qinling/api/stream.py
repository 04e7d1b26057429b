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


"""Answers that are no JSON."""

import webob


class Response(webob.Response):
    """An answer whose body is a generator of a known length.

    It is a generator since Pecan would read anything else whole, to make 204
    of a body that is empty.  Of a generator it takes the first piece and
    puts another iterator in its place, at which WebOb forgets the length.
    """

    def __init__(self, pieces, length, **kwargs):
        super().__init__(app_iter=pieces, **kwargs)
        self.content_length = length

    def _replace(self, pieces):
        length = self.content_length
        webob.Response.app_iter.fset(self, pieces)
        self.content_length = length

    app_iter = property(webob.Response.app_iter.fget, _replace)
