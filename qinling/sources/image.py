# SPDX-License-Identifier: Apache-2.0
"""Code as a container image: only the name is stored."""

import re
import typing

from qinling import exception
from qinling.sources import base

MAX_NAME_LENGTH = 255

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
    """Source of images, pulled by the orchestrator."""

    needs_runtime = False
    has_package = False

    def create(self, code: base.Code, upload: typing.BinaryIO | None,
               auth: typing.Any = None) -> tuple[base.Code, str | None]:
        image = code.get('image')
        if not image:
            raise exception.Invalid(
                'Required param is missing: code needs "image", the name of '
                'a container image.')
        if (not isinstance(image, str) or len(image) > MAX_NAME_LENGTH
                or not _REFERENCE.fullmatch(image)):
            raise exception.Invalid(
                f'{image!r} is not the name of an image. It must look like '
                '[registry/]name[:tag][@digest], in lower case, with at most '
                f'{MAX_NAME_LENGTH} characters.')
        return {'source': 'image', 'image': image}, None

    def update(self, present: base.Code, code: base.Code | None,
               upload: typing.BinaryIO | None, auth: typing.Any = None
               ) -> tuple[base.Code, str | None] | None:
        raise exception.Invalid(
            'The image type function code can not be changed.')

    def open(self, code: base.Code, package: str | None,
             auth: typing.Any = None) -> typing.BinaryIO:
        raise exception.NotAllowed('Download image function is not allowed.')
