# SPDX-License-Identifier: Apache-2.0
"""Check of answers against the description of the API."""

import re

import jsonschema
import referencing
from referencing import jsonschema as specifications
import webob

from qinling.api.openapi import document as document_module
from qinling.api import root

URN = 'urn:qinling:openapi'


class Checker:
    """WSGI application that checks the answers of another one.

    ``checked`` has (method, path, status) of all checked answers.
    """

    def __init__(self, app, conf):
        self._app = app
        self.document = document_module.create_document(
            root.list_declared(), conf)
        self._registry = referencing.Registry().with_resource(
            URN, specifications.DRAFT202012.create_resource(self.document))
        self.checked = set()

    def __call__(self, environ, start_response):
        method, path = environ['REQUEST_METHOD'], environ['PATH_INFO']
        answer = webob.Request(environ).get_response(self._app)
        self.check(method, path, answer)
        return answer(environ, start_response)

    def find_path(self, path):
        """Return the template of a path, ``None`` for an unknown path."""
        matches = [
            template for template in self.document['paths']
            if re.fullmatch(re.sub(r'\\{\w+\\}', '[^/]+',
                                   re.escape(template)), path)]
        return min(matches, key=lambda text: text.count('{'), default=None)

    def validate(self, pointer, value):
        """Check a value against a schema of the document.

        :raises jsonschema.ValidationError: the value is not valid.
        """
        jsonschema.Draft202012Validator(
            {'$ref': f'{URN}#{pointer}'}, registry=self._registry).validate(
                value)

    def check(self, method, path, answer):
        """Check an answer.

        :raises jsonschema.ValidationError, AssertionError: the answer is not
            as described.
        """
        template = self.find_path(path)
        operation = self.document['paths'].get(template, {}).get(
            method.lower())
        if operation is None or answer.status_int in (304, 405):
            return
        status = str(answer.status_int)
        answers = operation['responses']
        key = status if status in answers else 'default'
        assert key in answers, f'{method} {template}: {status} is unknown.'
        pointer = (f'/paths/{template.replace("/", "~1")}/{method.lower()}'
                   f'/responses/{key}')
        if '$ref' in answers[key]:
            pointer = answers[key]['$ref'][1:]
            answers = self.document['components']['responses']
        content = answers[key].get('content', {})
        self.checked.add((method, template, status))
        if answer.body and '*/*' not in content:
            media_type = answer.content_type
            assert media_type in content, (path, media_type, content)
            if media_type.endswith('json'):
                self.validate(f'{pointer}/content/'
                              f'{media_type.replace("/", "~1")}/schema',
                              answer.json)
