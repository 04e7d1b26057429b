# SPDX-License-Identifier: Apache-2.0
"""Formats of names, labels and other metadata."""

import datetime
import re
import secrets

LABEL = re.compile(r'([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?')
DNS_LABEL = re.compile(r'[a-z0-9]([-a-z0-9]*[a-z0-9])?')
SUBDOMAIN = re.compile(r'[a-z0-9]([-a-z0-9]*[a-z0-9])?'
                       r'(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
ENVIRONMENT = re.compile(r'[^=\x00-\x1f\x7f-\U0010ffff]+')
PORT = re.compile(r'(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*')
MAX_GENERATED = 58
ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
MAX_ANNOTATIONS = 256 << 10

A_LABEL = ("a lowercase RFC 1123 label must consist of lower case "
           "alphanumeric characters or '-', and must start and end with an "
           "alphanumeric character")
A_SUBDOMAIN = ("a lowercase RFC 1123 subdomain must consist of lower case "
               "alphanumeric characters, '-' or '.', and must start and end "
               "with an alphanumeric character")
A_VALUE = ("a valid label must be an empty string or consist of "
           "alphanumeric characters, '-', '_' or '.', and must start and end "
           "with an alphanumeric character")


def now():
    """Return the current time in whole seconds, in the format of Kubernetes.
    """
    return text_of(datetime.datetime.now(datetime.UTC))


def text_of(time):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ')


def time_of(text):
    """Return a time with a zone."""
    return datetime.datetime.fromisoformat(text)


def suffix(length=5):
    """Return the random end of a generated name."""
    return ''.join(secrets.choice(ALPHABET) for _ in range(length))


def generated(prefix):
    """Return a new name with a prefix."""
    return prefix[:MAX_GENERATED] + suffix()


def check(causes, resource, metadata):
    """Check the metadata of a new or changed object."""
    name = metadata.get('name', '')
    strict = resource.plural in ('namespaces',)
    form, sentence = (DNS_LABEL, A_LABEL) if strict else (SUBDOMAIN,
                                                          A_SUBDOMAIN)
    max_length = 63 if strict else 253
    if not name:
        causes.required('metadata.name', 'name or generateName is required')
    elif len(name) > max_length:
        causes.invalid('metadata.name', name,
                       f'must be no more than {max_length} characters')
    elif not form.fullmatch(name):
        causes.invalid('metadata.name', name, sentence)
    labels(causes, metadata.get('labels', {}), 'metadata.labels')
    for key in metadata.get('annotations', {}):
        qualified(causes, key.lower(), 'metadata.annotations')
    size = sum(len(key) + len(value)
               for key, value in metadata.get('annotations', {}).items())
    if size > MAX_ANNOTATIONS:
        causes.invalid('metadata.annotations', size, 'Too long: may not be '
                       f'more than {MAX_ANNOTATIONS} bytes')
    for finalizer in metadata.get('finalizers', ()):
        qualified(causes, finalizer, 'metadata.finalizers')


def labels(causes, mapping, field):
    """Check labels, or a selector of labels."""
    for key, value in mapping.items():
        qualified(causes, key, field)
        label_value(causes, value, field)


def label_value(causes, value, field):
    if len(value) > 63:
        causes.invalid(field, value, 'must be no more than 63 characters')
    elif not LABEL.fullmatch(value):
        causes.invalid(field, value, A_VALUE)


def qualified(causes, key, field):
    """Check a key such as ``example.org/name``."""
    prefix, slash, name = key.rpartition('/')
    if slash and (not SUBDOMAIN.fullmatch(prefix) or len(prefix) > 253):
        causes.invalid(field, key, f'prefix part {A_SUBDOMAIN}')
    if not name or not LABEL.fullmatch(name):
        causes.invalid(field, key, f'name part must be non-empty: {A_VALUE}')
    elif len(name) > 63:
        causes.invalid(field, key, 'name part must be no more than 63 '
                       'characters')


def selector(causes, value, field):
    """Check a ``LabelSelector``."""
    labels(causes, value.get('matchLabels', {}), f'{field}.matchLabels')
    for number, expression in enumerate(value.get('matchExpressions', ())):
        path = f'{field}.matchExpressions[{number}]'
        qualified(causes, expression['key'], f'{path}.key')
        operator, values = expression['operator'], expression.get('values', [])
        if operator in ('In', 'NotIn'):
            if not values:
                causes.required(f'{path}.values', 'must be specified when '
                                "`operator` is 'In' or 'NotIn'")
        elif operator not in ('Exists', 'DoesNotExist'):
            causes.invalid(f'{path}.operator', operator,
                           'not a valid selector operator')
        elif values:
            causes.forbidden(f'{path}.values', 'may not be specified when '
                             "`operator` is 'Exists' or 'DoesNotExist'")
