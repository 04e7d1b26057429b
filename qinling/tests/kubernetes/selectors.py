# SPDX-License-Identifier: Apache-2.0
"""Label and field selectors, as text and as objects."""

import re

from qinling.tests.kubernetes import errors

_REQUIREMENT = re.compile(
    r'\s*(?:(?P<not>!)\s*)?(?P<key>[\w./-]+)\s*'
    r'(?:(?P<operator>==|=|!=|\bin\b|\bnotin\b|>|<)\s*'
    r'(?:\((?P<values>[^()]*)\)|(?P<value>[\w./-]*)))?\s*')
FIELDS = {'metadata.name', 'metadata.namespace'}
POD_FIELDS = FIELDS | {'status.phase', 'spec.nodeName', 'status.podIP',
                       'spec.restartPolicy', 'spec.schedulerName',
                       'spec.serviceAccountName', 'spec.hostNetwork',
                       'status.nominatedNodeName'}
EVENT_FIELDS = FIELDS | {
    'reason', 'type', 'source', 'reportingComponent',
    *(f'involvedObject.{name}' for name in (
        'kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion',
        'fieldPath'))}


def _split(text):
    """Yield the parts between commas outside of parentheses."""
    return re.split(r',(?![^()]*\))', text)


def _unparsable(text):
    return errors.bad_request(
        f'unable to parse requirement: found {text!r}, expected: a label '
        'selector')


def labels(text):
    """Return a function from labels to a match of a selector's text.

    :raises ApiError: the text is malformed.
    """
    if not text:
        return lambda _labels: True
    tests = []
    for part in _split(text):
        match = _REQUIREMENT.fullmatch(part)
        if not match or not match['key']:
            raise _unparsable(part)
        tests.append(_label_test(match, part))
    return lambda present: all(test(present) for test in tests)


def _label_test(match, part):
    key, operator = match['key'], match['operator']
    if match['not']:
        if operator:
            raise _unparsable(part)
        return lambda present: key not in present
    if operator is None:
        return lambda present: key in present
    if operator in ('in', 'notin'):
        if match['values'] is None:
            raise _unparsable(part)
        values = {value.strip() for value in match['values'].split(',')}
    elif match['value'] is None or operator in '<>':
        raise _unparsable(part)
    else:
        values = {match['value']}
    if operator in ('!=', 'notin'):
        return lambda present: present.get(key) not in values
    return lambda present: present.get(key) in values


def matches(selector, present):
    """Return whether a ``LabelSelector`` object matches labels; ``None`` never
    matches, an empty selector always does."""
    if selector is None:
        return False
    for key, value in selector.get('matchLabels', {}).items():
        if present.get(key) != value:
            return False
    return all(_expression(expression, present)
               for expression in selector.get('matchExpressions', ()))


def _expression(expression, present):
    key, operator = expression['key'], expression['operator']
    values = expression.get('values', ())
    return {'In': present.get(key) in values and key in present,
            'NotIn': present.get(key) not in values,
            'Exists': key in present,
            'DoesNotExist': key not in present}[operator]


def fields(text, resource):
    """Return a function from an object to a match of a field selector.

    :raises ApiError: the kind has no such field for selection.
    """
    if not text:
        return lambda _value: True
    paths = {'pods': POD_FIELDS, 'events': EVENT_FIELDS,
             'secrets': FIELDS | {'type'},
             'namespaces': FIELDS | {'status.phase'}}.get(
                 resource.plural, FIELDS)
    tests = []
    for part in text.split(','):
        match = re.fullmatch(r'([\w.]+)(!=|==|=)(.*)', part.strip())
        if not match:
            raise errors.bad_request(
                f"invalid selector: '{text}'; can't understand '{part}'")
        path, operator, expected = match.groups()
        if path not in paths:
            raise errors.bad_request(f'field label not supported: {path}')
        tests.append(lambda value, path=path, operator=operator,
                     expected=expected: (_at(value, path) == expected)
                     != (operator == '!='))
    return lambda value: all(test(value) for test in tests)


def _at(value, path):
    for name in path.split('.'):
        value = value.get(name) if isinstance(value, dict) else None
    return '' if value is None else str(value)


def exact_name(text):
    """Return the only name of a field selector, or ``None``."""
    match = re.fullmatch(r'metadata\.name==?([^,]+)', text or '')
    return match and match[1]
