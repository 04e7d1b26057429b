# SPDX-License-Identifier: Apache-2.0
"""Errors of the service, with the HTTP status of the answer.

``msg_fmt`` of a class names the fields of the constructor, so that each error
identifies the resource.  Drivers raise only :class:`TemporaryError`, after
which a retry may succeed, and :class:`PermanentError`.
"""

import typing

#: What users see of an unexpected error.
INTERNAL_FAULT = 'An internal fault of the service; see its log.'


def _to_snake_case(name: str) -> str:
    return ''.join(f'_{letter.lower()}' if letter.isupper() else letter
                   for letter in name).lstrip('_')


class QinlingError(Exception):
    """Base of all errors; ``http_code`` is the status of the answer.

    ``code`` is the stable name of the class for programs.  The keyword
    ``attributes`` has the names of the wrong attributes of a body.
    """

    http_code = 500
    code: typing.ClassVar[str] = 'internal_server_error'
    msg_fmt = 'An internal error happened; see the log of the service.'

    def __init_subclass__(cls, **kwargs: typing.Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = _to_snake_case(cls.__name__)

    def __init__(self, message: str | None = None,
                 **fields: typing.Any) -> None:
        self.fields = fields
        super().__init__(message or self.msg_fmt.format(**fields))


class Invalid(QinlingError):
    http_code = 400
    msg_fmt = 'The request is not valid: {reason}'


class InputRefused(Invalid):
    """The field ``pointers`` has pairs of a place and a broken rule."""

    msg_fmt = ('The input does not fit the input_schema of the function: '
               '{faults}.')


class Unauthorized(QinlingError):
    http_code = 401
    msg_fmt = 'The request needs a valid identity.'


class Forbidden(QinlingError):
    http_code = 403
    msg_fmt = 'Operation not allowed: {reason}'


class NotFound(QinlingError):
    http_code = 404
    msg_fmt = 'Resource not found: {reason}'


class NotAllowed(QinlingError):
    http_code = 405
    msg_fmt = 'This cannot be done to the resource: {reason}'


class MethodRefused(QinlingError):
    """The field ``allow`` is a list of the permitted methods."""

    http_code = 405
    msg_fmt = '{method} is not possible here; use {methods}.'

    @property
    def allow(self) -> list[str]:
        """Return the methods of the header ``Allow``."""
        methods: list[str] = self.fields['allow']
        return methods


class RequestTimeout(QinlingError):
    http_code = 408
    msg_fmt = ('The request body arrives too slowly; send it at once, over a '
               'faster connection.')


class Conflict(QinlingError):
    http_code = 409
    msg_fmt = 'The request conflicts with the present state: {reason}'


class FunctionChanged(Conflict):
    msg_fmt = ('The request conflicts with the present state: function {id} '
               'was changed by another request; try again.')


class PreconditionFailed(QinlingError):
    http_code = 412
    msg_fmt = ('The resource was changed meanwhile: its ETag is now '
               '"{revision}". Read it again, then decide.')


class TooLarge(QinlingError):
    http_code = 413
    msg_fmt = 'The request is too large: {reason}'


class UnsupportedMediaType(QinlingError):
    http_code = 415
    msg_fmt = ('Content-Type {media_type} is not supported here; send '
               '{supported}.')


class Unprocessable(QinlingError):
    http_code = 422
    msg_fmt = 'The request cannot be carried out: {reason}'


class RateLimited(QinlingError):
    """Too many requests; ``retry_after`` is in seconds."""

    http_code = 429
    msg_fmt = ('There are more requests than the limit of {limit} allows; '
               'try again in {retry_after} seconds.')


class TooManyExecutions(QinlingError):
    """Too many requests; ``retry_after`` is in seconds."""

    http_code = 429
    msg_fmt = ('{what} may not have more executions at the same time '
               '({limit}); try again in {retry_after} s, when some have '
               'ended.')


class Unavailable(QinlingError):
    http_code = 503
    msg_fmt = 'The service cannot do this at the moment: {reason}'


class OrchestratorUnavailable(Unavailable):
    """No engine started the execution, since no worker can start."""

    msg_fmt = ('No worker of the function is running, and none can start at '
               'the moment: {reason} Try again later.')


class OriginRefused(Forbidden):
    msg_fmt = ('The webhook does not allow {method} requests of pages of '
               '{origin}; its owner can change methods and origins.')


class PolicyForbidden(Forbidden):
    msg_fmt = 'Operation not allowed: it needs the policy {rule}.'


class QuotaExceeded(Forbidden):
    msg_fmt = ('Quota exceeded for {resource}: {more} more were asked for, '
               '{used} of {limit} are used. {advice}, or ask an operator for '
               'more.')


class BudgetExceeded(QuotaExceeded):
    msg_fmt = ('The budget of the project is used up, so further executions '
               'are refused until the next month (UTC). Ask an operator to '
               'raise the budget.')


class BudgetNotFound(NotFound):
    msg_fmt = 'Project {id} has no budget.'


class StorageQuotaExceeded(TooLarge):
    msg_fmt = QuotaExceeded.msg_fmt


class RuntimeNotFound(NotFound):
    msg_fmt = 'Runtime not found [id={id}]'


class RuntimeNotAvailable(Conflict):
    msg_fmt = ('Runtime {id} is not available, its status is {status}; '
               'wait until it is available.')


class RuntimeInUse(Forbidden):
    msg_fmt = 'Runtime {id} is still in use.'


class FunctionNotFound(NotFound):
    msg_fmt = 'Function not found [id={id}]'


class FunctionInUse(Forbidden):
    msg_fmt = 'Function {id} is still in use by {blockers}.'


class FunctionVersionNotFound(NotFound):
    msg_fmt = 'FunctionVersion not found [function_id={id}, version={version}]'


class FunctionVersionInUse(Forbidden):
    msg_fmt = ('Version {version} of function {id} is still in use by '
               '{blockers}.')


class FunctionVersionLimit(Forbidden):
    msg_fmt = ('Function {id} has {limit} versions, and may not have more; '
               'delete one first.')


class FunctionAliasInUse(Forbidden):
    msg_fmt = 'Alias {name} is still in use by {blockers}.'


class FunctionAliasExists(Conflict):
    msg_fmt = 'Duplicate entry for function_aliases: {name}'


class FunctionAliasNotFound(NotFound):
    msg_fmt = 'FunctionAlias not found [name={name}]'


class RolloutNotFound(NotFound):
    msg_fmt = 'The alias {name} has no rollout.'


class ExecutionNotFound(NotFound):
    msg_fmt = 'Execution not found [id={id}]'


class ExecutionDeleted(ExecutionNotFound):
    msg_fmt = ('Execution not found [id={id}]; it was deleted while the '
               'request waited for its end.')


class FailureNotFound(NotFound):
    msg_fmt = 'Failure not found [fingerprint={id}]'


class ExecutionEnded(Conflict):
    msg_fmt = 'Execution {id} has ended already, its status is {status}.'


class NotRunByFirstRequest(Conflict):
    msg_fmt = ('The first request with this Idempotency-Key could not run '
               'this execution; use a new key.')


class ExecutionNotEnded(Conflict):
    msg_fmt = ('Execution {id} has not ended yet; wait for its end, or cancel '
               'it.')


class OperationNotFound(NotFound):
    msg_fmt = 'Operation not found [id={id}]'


class OperationLimit(Forbidden):
    msg_fmt = ('The project has {limit} operations that have not ended, and '
               'may not have more; wait for the end of one, or cancel one.')


class JobNotFound(NotFound):
    msg_fmt = 'Job not found [id={id}]'


class WebhookNotFound(NotFound):
    msg_fmt = 'Webhook not found [id={id}]'


class DeliveryNotFound(NotFound):
    msg_fmt = 'Delivery not found [id={id}]'


class BodyNotKept(Conflict):
    msg_fmt = ('The body of delivery {id} is not on record, since it was too '
               'large or was not read; let the sender send it again.')


class EventSourceNotFound(NotFound):
    msg_fmt = 'Event source not found [id={id}]'


class EventSourcesDisabled(Forbidden):
    msg_fmt = ('Operation not allowed: the operator of the service has '
               'disabled event sources.')


class DeadLetterNotFound(NotFound):
    msg_fmt = 'Dead letter not found [id={id}]'


class PayloadNotKept(Conflict):
    msg_fmt = ('The payload of dead letter {id} was too large to keep; let '
               'the sender send it again.')


class SignatureRefused(Unauthorized):
    msg_fmt = 'The delivery is refused: {reason}'


class IdempotencyKeyReused(Unprocessable):
    msg_fmt = ('This Idempotency-Key was used for another request within the '
               'last 24 hours; send the same request, or use a new key.')


class TemporaryError(Exception):
    """Failure of a driver; a retry may succeed."""


class NoRoom(TemporaryError):
    """No worker may start now; only this is a reason to end another one."""


class OutOfReach(TemporaryError):
    """The orchestrator does not answer; its workers still may."""


class Disrupted(TemporaryError):
    """The platform ended an execution, which may start again elsewhere."""


class PermanentError(Exception):
    """Failure of a driver; a retry would fail, too."""


class TargetReplaced(PermanentError):
    """The code or the settings of a target were replaced meanwhile."""
