# SPDX-License-Identifier: Apache-2.0
"""Secrets and credentials in an application file: where they come from."""

import typing

_TEXT: dict[str, typing.Any] = {'type': 'string'}
SECRET: dict[str, typing.Any] = {
    'type': 'object', 'additionalProperties': False, 'properties': {
        'env': _TEXT, 'file': _TEXT, 'mode': {'enum': ['pinned', 'latest']}}}
SECRETS: dict[str, typing.Any] = {
    'type': 'object', 'additionalProperties': SECRET}
CREDENTIALS: dict[str, typing.Any] = {
    'type': 'object', 'additionalProperties': {'oneOf': [_TEXT, SECRET]}}


def read_secret(value: typing.Any) -> dict[str, str]:
    """Return where a secret comes from: ``env`` or ``file``, and ``mode``.

    :raises ValueError: the value names no secret.
    """
    if not isinstance(value, dict):
        raise ValueError('is no object of names and values')
    if not all(isinstance(text, str) for text in value.values()) or (
            set(value) - {'env', 'file', 'mode'}) or (
            ('env' in value) == ('file' in value)):
        raise ValueError('names no secret; write {env: VARIABLE} or {file: '
                         'PATH}, and optionally mode: latest')
    return value


def read_secrets(value: typing.Any) -> dict[str, dict[str, str]]:
    """Return where secrets come from, by name."""
    if not isinstance(value, dict):
        raise ValueError('is no object of names and values')
    return {str(name): read_secret(item) for name, item in value.items()}


def read_credentials(value: typing.Any) -> dict[str, str | dict[str, str]]:
    """Return credentials by name: a text, or where a secret comes from."""
    if not isinstance(value, dict):
        raise ValueError('is no object of names and values')
    credentials: dict[str, str | dict[str, str]] = {}
    for name, item in value.items():
        if str(name).endswith(('password', 'secret')) and isinstance(
                item, str):
            raise ValueError(f'has a {name} in the file; write {name}: '
                             '{env: VARIABLE} or {file: PATH}')
        credentials[str(name)] = (
            item if isinstance(item, str) else read_secret(item))
    return credentials
