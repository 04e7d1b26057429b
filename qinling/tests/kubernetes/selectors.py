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
    """Parts between commas that are outside of parentheses."""
    return re.split(r',(?![^()]*\))', text)


def _unparsable(text):
    return errors.bad_request(
        f'unable to parse requirement: found {text!r}, expected: a label '
        'selector')


def labels(text):
    """A function of labels that tells whether a selector's text matches.

    :raises ApiError: it cannot be understood.
    """
    if not text:
        return lambda _labels: True
    tests = []
    for part in _split(text):
        match = _REQUIREMENT.fullmatch(part)
        if not match or not match['key']:
            raise _unparsable(part)
        tests.append(_label_test(match, part))
    return lambda found: all(test(found) for test in tests)


def _label_test(match, part):
    key, operator = match['key'], match['operator']
    if match['not']:
        if operator:
            raise _unparsable(part)
        return lambda found: key not in found
    if operator is None:
        return lambda found: key in found
    if operator in ('in', 'notin'):
        if match['values'] is None:
            raise _unparsable(part)
        values = {each.strip() for each in match['values'].split(',')}
    elif match['value'] is None or operator in '<>':
        raise _unparsable(part)
    else:
        values = {match['value']}
    if operator in ('!=', 'notin'):
        return lambda found: found.get(key) not in values
    return lambda found: found.get(key) in values


def matches(selector, found):
    """Whether a ``LabelSelector`` object matches labels; ``None`` matches
    nothing and an empty one everything."""
    if selector is None:
        return False
    for key, value in selector.get('matchLabels', {}).items():
        if found.get(key) != value:
            return False
    return all(_expression(each, found)
               for each in selector.get('matchExpressions', ()))


def _expression(wanted, found):
    key, operator = wanted['key'], wanted['operator']
    values = wanted.get('values', ())
    return {'In': found.get(key) in values and key in found,
            'NotIn': found.get(key) not in values,
            'Exists': key in found,
            'DoesNotExist': key not in found}[operator]


def fields(text, resource):
    """A function of an object that tells whether a field selector matches.

    :raises ApiError: the kind has no such field for selection.
    """
    if not text:
        return lambda _value: True
    known = {'pods': POD_FIELDS, 'events': EVENT_FIELDS,
             'secrets': FIELDS | {'type'},
             'namespaces': FIELDS | {'status.phase'}}.get(
                 resource.plural, FIELDS)
    tests = []
    for part in text.split(','):
        match = re.fullmatch(r'([\w.]+)(!=|==|=)(.*)', part.strip())
        if not match:
            raise errors.bad_request(
                f"invalid selector: '{text}'; can't understand '{part}'")
        path, operator, wanted = match.groups()
        if path not in known:
            raise errors.bad_request(f'field label not supported: {path}')
        tests.append(lambda value, path=path, operator=operator,
                     wanted=wanted: (_at(value, path) == wanted)
                     != (operator == '!='))
    return lambda value: all(test(value) for test in tests)


def _at(value, path):
    for name in path.split('.'):
        value = value.get(name) if isinstance(value, dict) else None
    return '' if value is None else str(value)


def exact_name(text):
    """The name that a field selector asks for alone, or ``None``."""
    match = re.fullmatch(r'metadata\.name==?([^,]+)', text or '')
    return match and match[1]
