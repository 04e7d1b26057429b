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

"""Code that is a container image; nothing is stored but its name."""

import re

from qinling import exception
from qinling.sources import base

LONGEST = 255

_COMPONENT = r'[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
_HOST = (r'(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
         r'(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*'
         r'|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?')
#: [registry/]name[:tag][@digest], by the grammar of the distribution project
#: (distribution/reference, reference.go).
_REFERENCE = re.compile(
    rf'(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*'
    r'(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?'
    r'(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*'
    r':[0-9a-fA-F]{32,})?')


class Driver(base.Source):
    """Checks the name of an image; the orchestrator pulls it."""

    needs_runtime = False
    has_package = False

    def create(self, code, upload, auth=None):
        image = code.get('image')
        if not image:
            raise exception.Invalid(
                'Required param is missing: code needs "image", the name of '
                'a container image.')
        if (not isinstance(image, str) or len(image) > LONGEST
                or not _REFERENCE.fullmatch(image)):
            raise exception.Invalid(
                f'{image!r} is not the name of an image. It must look like '
                '[registry/]name[:tag][@digest], in lower case, with at most '
                f'{LONGEST} characters.')
        return {'source': 'image', 'image': image}, None

    def update(self, present, code, upload, auth=None):
        raise exception.Invalid(
            'The image type function code can not be changed.')

    def open(self, code, package, auth=None):
        raise exception.NotAllowed('Download image function is not allowed.')
