# SPDX-License-Identifier: Apache-2.0
"""References of functions and versions to secrets.

Each change of a secret has a higher number.  A version freezes the mode of
each reference: ``pinned`` stays at the value of the publication, ``latest``
follows the secret of the function.
"""

from collections.abc import Mapping
import dataclasses
import datetime
import typing

from qinling import exception

PINNED, LATEST = MODES = ('pinned', 'latest')

_Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class SecretReference:
    """Secret as a function or version sees the secret.

    ``size`` is the length of the text in bytes, ``sealed`` the text
    encrypted.
    """

    name: str
    number: int
    mode: str
    updated_at: datetime.datetime
    size: int
    sealed: str = dataclasses.field(repr=False)

    def is_same_value(self, reference: 'SecretReference | None') -> bool:
        """Return whether both are the same change of a secret."""
        return reference is not None and (
            (self.number, self.updated_at)
            == (reference.number, reference.updated_at))


References = dict[str, SecretReference]


def load(row: typing.Any) -> References:
    """Return the references of an environment by name.

    Rows of older releases have neither numbers nor modes.
    """
    if row is None:
        return {}
    return {name: SecretReference(
        name, value.get('number', 1), value.get('mode', PINNED),
        _load_time(value) or row.created_at, value['size'], value['sealed'])
        for name, value in row.secrets.items()}


def _load_time(value: _Json) -> datetime.datetime | None:
    text = value.get('updated_at')
    return text and datetime.datetime.fromisoformat(text)


def dump(references: References) -> dict[str, _Json]:
    """Return the references as a column."""
    return {name: {
        'size': reference.size, 'sealed': reference.sealed,
        'number': reference.number, 'mode': reference.mode,
        'updated_at': reference.updated_at.isoformat()}
        for name, reference in references.items()}


def set_modes(references: References, modes: Mapping[str, typing.Any]
              ) -> References:
    """Return the references with other modes.

    :raises Invalid: there is no such secret, or no such mode.
    """
    for name, mode in modes.items():
        if name not in references:
            raise exception.Invalid(
                f'{name} cannot be in secret_modes: the function has no '
                'secret of this name.')
        if mode not in MODES:
            raise exception.Invalid(
                f'The mode of {name} in secret_modes must be "pinned" or '
                '"latest".')
    return {name: dataclasses.replace(
        reference, mode=modes.get(name, reference.mode))
        for name, reference in references.items()}


def follow(references: References, current: References) -> References:
    """Return the references of a version after a change of secrets.

    A ``latest`` reference to a removed secret keeps the last value.

    :param current: references of the function.
    """
    return {name: dataclasses.replace(current[name], mode=LATEST)
            if reference.mode == LATEST and name in current
            and not reference.is_same_value(current[name]) else reference
            for name, reference in references.items()}
