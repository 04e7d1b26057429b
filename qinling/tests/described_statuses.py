# SPDX-License-Identifier: Apache-2.0
"""Check that the description of the API names the status of each answer."""

import functools
import re
import urllib.parse

from qinling.api.openapi import document
from qinling.api import root
from qinling import conf

#: Answers of the server to requests that reach no route.
_OF_NO_ROUTE = {405}


@functools.cache
def _list_operations():
    paths = document.create_document(
        root.list_declared(), conf.load([], []))['paths']
    templates = sorted(paths, key=lambda text: text.count('{'))
    return [(re.compile(re.sub(r'\\{\w+\\}', '[^/]+', re.escape(template))),
             paths[template]) for template in templates]


def check(method, path, status):
    """Check the status of an answer.

    :raises AssertionError: the description does not name it.
    """
    path = urllib.parse.urlsplit(path).path
    for pattern, item in _list_operations():
        if pattern.fullmatch(path):
            break
    else:
        return
    answers = item.get(method.lower(), {}).get('responses', {'default': {}})
    if 'default' not in answers and status not in _OF_NO_ROUTE:
        assert str(status) in answers, (
            f'{method} {path} answers {status}, which is not described.')
