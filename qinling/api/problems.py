# SPDX-License-Identifier: Apache-2.0
"""Errors for programs: ``application/problem+json``, see RFC 9457.

A request that names the media type in ``Accept`` gets this form; all others
get the form with ``faultstring``.
"""

from collections.abc import Sequence
import http
import json
import typing
from wsgiref import types as wsgi_types

import wsme

from qinling import exception
from qinling.web import response as web_response

MEDIA_TYPE = 'application/problem+json'
#: Start of the type of a problem; the code follows.
URN = 'urn:qinling:problem:'
_ID = 'openstack.request_id'


def is_accepted(environ: wsgi_types.WSGIEnvironment) -> bool:
    """Return whether ``Accept`` names problems."""
    accepted: str = environ.get('HTTP_ACCEPT', '')
    for item in accepted.lower().split(','):
        name, *parameters = (part.strip() for part in item.split(';'))
        if name == MEDIA_TYPE:
            return not any(text.replace(' ', '') in ('q=0', 'q=0.0')
                           for text in parameters)
    return False


def encode(error: Exception, status: int, sentence: str,
           environ: wsgi_types.WSGIEnvironment) -> bytes:
    """Return the JSON body for an error.

    :param sentence: readable description of the error.
    """
    code = get_code(error, status)
    sentence = web_response.clean_sentence(status, sentence)
    problem: dict[str, typing.Any] = {
        'type': URN + code, 'title': code.replace('_', ' ').capitalize(),
        'status': status, 'detail': sentence, 'code': code,
        'request_id': environ.get(_ID)}
    if errors := _list_errors(error, sentence):
        problem['errors'] = errors
    return json.dumps(problem).encode()


def get_code(error: Exception, status: int) -> str:
    """Return the stable name of an error for programs."""
    if isinstance(error, exception.QinlingError):
        return error.code
    return code_of_status(status)


def code_of_status(status: int) -> str:
    """Return the name of an error that has only a status."""
    for kind in (exception.Invalid, exception.Unavailable):
        if kind.http_code == status:
            return kind.code
    return http.HTTPStatus(status).phrase.lower().replace(' ', '_')


def list_codes() -> list[str]:
    """Return all codes of problems."""
    codes = {code_of_status(status) for status in (400, 404, 405, 406, 500)}
    kinds: list[type[exception.QinlingError]] = [exception.QinlingError]
    while kinds:
        kind = kinds.pop()
        codes.add(kind.code)
        kinds += kind.__subclasses__()
    return sorted(codes)


def _list_errors(error: Exception, sentence: str) -> list[dict[str, str]]:
    """Return the wrong places of a request with what is wrong."""
    clean = web_response.clean_sentence
    if isinstance(error, exception.InputRefused):
        return [{'pointer': f'#/{clean(400, pointer)}',
                 'detail': clean(400, detail)}
                for pointer, detail in error.fields['pointers']]
    return [{'pointer': f'#/{_escape(name)}', 'detail': sentence}
            for name in _list_attributes(error)]


def _list_attributes(error: Exception) -> Sequence[str]:
    """Return the names of the wrong attributes of a body."""
    if isinstance(error, wsme.exc.InvalidInput):
        return [str(error.fieldname)]
    names: Sequence[str] = getattr(error, 'fields', {}).get('attributes', ())
    return names


def _escape(name: str) -> str:
    """Return a name as a part of a JSON pointer; see RFC 6901."""
    name = web_response.clean_sentence(400, name)
    return name.replace('~', '~0').replace('/', '~1')
