# SPDX-License-Identifier: Apache-2.0
"""Reading of an application file."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import os
import pathlib
import subprocess
import typing

from qinling.client import exceptions
from qinling.client.manifest import forms
from qinling import fields as declarations
from qinling import suggestions

#: Fields of one object, converted.
Fields = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a project should contain.

    :ivar directory: of the file; paths in the file begin there.
    :ivar objects: noun -> name -> fields.
    :ivar is_local: the server is on this machine: speed counts more than the
        size of packages.
    """

    directory: pathlib.Path
    objects: Mapping[str, Mapping[str, Fields]]
    is_local: bool = False

    def locate(self, path: str) -> pathlib.Path:
        """Return the place of a path in the file."""
        return self.directory / path

    def compile(self, name: str, fields: Fields) -> None:
        """Run the command that creates the code of a function, if any.

        :raises ClientError: the command fails.
        """
        if 'compile' not in fields:
            return
        result = subprocess.run(
            fields['compile'], shell=True, cwd=self.directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        if result.returncode:
            output = result.stdout.decode(errors='replace')
            raise exceptions.ClientError(
                f'functions.{name}.compile ended with exit code '
                f'{result.returncode}:\n{output.rstrip()}')

    def read_secret(self, place: Mapping[str, str], name: str) -> str:
        """Return a secret.

        :raises ClientError: the variable or the file does not exist.
        """
        if 'env' in place:
            value = os.environ.get(place['env'])
            if value is None:
                raise exceptions.ClientError(
                    f'{name}: there is no environment variable '
                    f'{place["env"]}.')
            return value
        try:
            text = self.locate(place['file']).read_text('utf-8')
        except (OSError, UnicodeDecodeError) as e:
            raise exceptions.ClientError(f'{name}: {e}')
        return text.removesuffix('\n')

    def read_credentials(self, credentials: Mapping[str, typing.Any],
                         name: str) -> dict[str, str]:
        """Return the values of credentials.

        :raises ClientError: a variable or a file does not exist.
        """
        return {key: place if isinstance(place, str)
                else self.read_secret(place, f'{name}.{key}')
                for key, place in credentials.items()}


def load(path: str) -> Manifest:
    """Return the content of an application file.

    :raises ClientError: the file cannot be read, or is not valid.
    """
    # Only these commands need YAML.
    import yaml

    try:
        text = pathlib.Path(path).read_text('utf-8')
        document = yaml.safe_load(text)
    except OSError as e:
        hint = ' Start a project with "qinling init".' if isinstance(
            e, FileNotFoundError) else ''
        raise exceptions.ClientError(
            f'Cannot read {exceptions.describe_failure(e)}{hint}')
    except (UnicodeDecodeError, yaml.YAMLError) as e:
        raise exceptions.ClientError(
            f'Cannot read {path}: {exceptions.describe_failure(e)}')
    if not isinstance(document, dict):
        raise exceptions.ClientError(
            f'{path} is no application; it has at least one of: '
            f'{", ".join(forms.FORMS)}.')
    for noun in document:
        if noun not in forms.FORMS:
            raise exceptions.ClientError(
                f'{path} has an unknown field {noun!r}.'
                + (suggestions.suggest(forms.FORMS, str(noun))
                   or f' Allowed: {", ".join(forms.FORMS)}.'))
    objects = {noun: _read_objects(noun, document[noun] or {})
               for noun in forms.FORMS if noun in document}
    manifest = Manifest(pathlib.Path(path).parent, objects)
    _check_targets(manifest)
    return manifest


def _read_objects(noun: str, value: typing.Any) -> dict[str, Fields]:
    if not isinstance(value, dict):
        raise exceptions.ClientError(
            f'{noun} is no object of names and fields.')
    return {str(name): _read_fields(noun, str(name), fields or {})
            for name, fields in value.items()}


def _read_fields(noun: str, name: str, value: typing.Any) -> Fields:
    place = f'{noun}.{name}'
    try:
        return forms.read_fields(value, forms.FORMS[noun])
    except ValueError as e:
        text = str(e)
        sign = '' if text.startswith('.') else ' '
        raise exceptions.ClientError(f'{place}{sign}{text}')


def _check_targets(manifest: Manifest) -> None:
    """Check what no single field shows."""
    for name, fields in manifest.objects.get('functions', {}).items():
        if ('code' in fields) == ('image' in fields):
            raise exceptions.ClientError(
                f'functions.{name} needs either code or image.')
        if 'code' in fields and 'runtime' not in fields:
            raise exceptions.ClientError(
                f'functions.{name} needs a runtime.')
    for name, fields in manifest.objects.get('aliases', {}).items():
        if 'function' not in fields or (
                ('version' in fields) == ('routing' in fields)):
            raise exceptions.ClientError(
                f'aliases.{name} needs a function, and either version or '
                'routing.')
        if not declarations.ALIAS_NAME.fullmatch(name):
            raise exceptions.ClientError(
                f'aliases.{name}: an alias name has 1 to 255 letters, digits, '
                '"-", "_" or ".".')
    _check_triggers(manifest)


def _check_triggers(manifest: Manifest) -> None:
    for noun in ('jobs', 'webhooks', 'event_sources'):
        for name, fields in manifest.objects.get(noun, {}).items():
            if ('function' in fields) == ('alias' in fields):
                raise exceptions.ClientError(
                    f'{noun}.{name} needs either function or alias.')
    for name, fields in manifest.objects.get('event_sources', {}).items():
        if 'kind' not in fields or not fields.get('settings'):
            raise exceptions.ClientError(
                f'event_sources.{name} needs kind and settings.')
