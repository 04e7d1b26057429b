# SPDX-License-Identifier: Apache-2.0
"""Error answers of the API server."""


class ApiError(Exception):
    """Rejection, with the ``Status`` object for the client."""

    def __init__(self, code, reason, message, **details):
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = {name: value for name, value in details.items()
                        if value is not None}

    @property
    def headers(self):
        retry = self.details.get('retryAfterSeconds')
        return {} if retry is None else {'Retry-After': str(retry)}

    def body(self):
        """Return the ``Status``, as a dict."""
        return {'kind': 'Status', 'apiVersion': 'v1', 'metadata': {},
                'status': 'Failure', 'message': self.message,
                'reason': self.reason, 'code': self.code,
                **({'details': self.details} if self.details else {})}


def _details(resource, name=None):
    return {'name': name, 'group': resource.group or None,
            'kind': resource.plural}


def _named(resource):
    """Return the name of a resource, such as ``deployments.apps`` or ``pods``.
    """
    return '.'.join(filter(None, (resource.plural, resource.group)))


def not_found(resource, name):
    return ApiError(404, 'NotFound', f'{_named(resource)} "{name}" not found',
                    **_details(resource, name))


def no_page():
    return ApiError(404, 'NotFound',
                    'the server could not find the requested resource')


def already_exists(resource, name):
    return ApiError(409, 'AlreadyExists',
                    f'{_named(resource)} "{name}" already exists',
                    **_details(resource, name))


def conflict(resource, name, why=(
        'the object has been modified; please apply your changes to the '
        'latest version and try again')):
    return ApiError(
        409, 'Conflict', f'Operation cannot be fulfilled on '
        f'{_named(resource)} "{name}": {why}', **_details(resource, name))


def forbidden(resource, name, why, **details):
    return ApiError(403, 'Forbidden', f'{_named(resource)} "{name}" is '
                    f'forbidden: {why}', **_details(resource, name), **details)


def bad_request(message):
    return ApiError(400, 'BadRequest', message)


def unauthorized():
    return ApiError(401, 'Unauthorized', 'Unauthorized')


def method_not_allowed():
    return ApiError(405, 'MethodNotAllowed', 'the server does not allow this '
                    'method on the requested resource')


def unsupported_media(kinds):
    return ApiError(415, 'UnsupportedMediaType', 'the body of the request '
                    'was in an unknown format - accepted media types '
                    'include: ' + ', '.join(kinds))


def expired(message='The resourceVersion for the provided watch is too old.'):
    return ApiError(410, 'Expired', message)


def too_many(message='the server has received too many requests and has asked '
             'us to try again later', retry_after=None, **details):
    return ApiError(429, 'TooManyRequests', message,
                    retryAfterSeconds=retry_after, **details)


def internal(message='Internal error occurred: injected'):
    return ApiError(500, 'InternalError', message)


def unprocessable(message='the server rejected our request due to an error in '
                  'our request'):
    return ApiError(422, 'Invalid', message)


def unavailable(message):
    return ApiError(503, 'ServiceUnavailable', message)


def future(version):
    return ApiError(
        504, 'Timeout', f'Too large resource version: {version}',
        retryAfterSeconds=1, causes=[{
            'reason': 'ResourceVersionTooLarge',
            'message': 'Too large resource version'}])


class Causes:
    """Collection of the faults of an object, raised together."""

    def __init__(self):
        self.causes = []

    def _add(self, reason, field, message):
        self.causes.append(
            {'reason': reason, 'message': message, 'field': field})

    def required(self, field, why=''):
        self._add('FieldValueRequired', field,
                  'Required value' + (why and f': {why}'))

    def invalid(self, field, value, why):
        text = f'"{value}"' if isinstance(value, str) else value
        self._add('FieldValueInvalid', field, f'Invalid value: {text}: {why}')

    def duplicate(self, field, value):
        self._add('FieldValueDuplicate', field, f'Duplicate value: "{value}"')

    def forbidden(self, field, why):
        self._add('FieldValueForbidden', field, f'Forbidden: {why}')

    def missing(self, field, value):
        self._add('FieldValueNotFound', field, f'Not found: "{value}"')

    def unsupported(self, field, value, options):
        text = ', '.join(f'"{option}"' for option in options)
        self._add('FieldValueNotSupported', field, f'Unsupported value: '
                  f'"{value}": supported values: {text}')

    def check(self, resource, name):
        """Raise 422 in case of any fault."""
        if not self.causes:
            return
        sentences = [f'{cause["field"]}: {cause["message"]}'
                     for cause in self.causes]
        text = (sentences[0] if len(sentences) == 1
                else f'[{", ".join(sentences)}]')
        raise ApiError(
            422, 'Invalid', f'{resource.kind} "{name}" is invalid: {text}',
            name=name, group=resource.group or None, kind=resource.kind,
            causes=self.causes)
