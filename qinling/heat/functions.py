# SPDX-License-Identifier: Apache-2.0
"""``OS::Qinling::Function``: code and its settings."""

import base64
import binascii
from collections.abc import Mapping
import hashlib
import io
import json
import typing
import zipfile

from heat.common import exception
from heat.engine import properties

from qinling.client import exceptions
from qinling import fields
from qinling.heat import base

#: Key of ``code`` in a template -> source of the code.
SOURCES = {'files': 'package', 'archive': 'package', 'container': 'swift',
           'image': 'image'}
#: Fields whose change makes another version.
FROZEN = ('code', 'entry', 'cpu', 'memory_size', 'timeout', 'async_policy',
          'input_schema', 'output_schema', 'environment', 'secret_references',
          'runtime_id')
_KINDS = {fields.Kind.TEXT: base.TEXT, fields.Kind.OBJECT: base.OBJECT,
          fields.Kind.FLAG: base.FLAG, fields.Kind.RESOURCE: base.WHOLE_NUMBER,
          fields.Kind.COUNT: base.WHOLE_NUMBER}
#: Descriptions of fields whose declaration has none.
_DESCRIPTIONS = {
    'timeout': 'Most seconds of an execution.',
    'input_schema': 'JSON Schema of the input.',
    'output_schema': 'JSON Schema of the output.',
    'environment': 'Environment variables: name to text.',
    'secrets': 'Encrypted environment variables: name to text; take the '
               'values from hidden parameters.',
    'secret_modes': 'What versions keep of a secret: name to pinned or '
                    'latest.',
}
_CODE = {
    'files': properties.Schema(
        base.OBJECT, 'Files of a small function: path to text, such as '
        'main.py: {get_file: main.py}.', update_allowed=True),
    'archive': properties.Schema(
        base.TEXT, 'ZIP file in base64, such as {get_file: package.zip}.',
        update_allowed=True),
    'container': properties.Schema(
        base.TEXT, 'Container in Swift with the ZIP file.',
        update_allowed=True),
    'object': properties.Schema(
        base.TEXT, 'Name of the ZIP file in the container.',
        update_allowed=True),
    'image': properties.Schema(
        base.TEXT, 'Image, in place of code and runtime.',
        update_allowed=True)}


def _declare_fields() -> dict[str, properties.Schema]:
    schema = {
        'runtime': base.declare(
            base.TEXT, 'Runtime: a resource, an id or a name; needed unless '
            'the code is an image.', custom='qinling.runtime', replaces=True),
        'code': base.declare(
            base.OBJECT, 'Code: one of files, archive, container with object, '
            'or image. A change between these, except between files and '
            'archive, replaces the function; so does another image.',
            schema=_CODE, required=True)}
    for field in fields.FUNCTION:
        if field.kind in _KINDS:
            schema[field.name] = base.declare(
                _KINDS[field.kind], _DESCRIPTIONS.get(field.name, field.help),
                max_length=field.max_length)
    return schema


class Function(base.Resource):
    """Function: code, an entry point and settings.

    The creation waits for the installation of the dependencies.
    """

    entity = 'functions'
    properties_schema = _declare_fields()
    attributes_schema = {
        'digest': base.declare_attribute(
            'Text that changes with the code and with each setting that '
            'versions keep. As "revision" of OS::Qinling::Version, it '
            'publishes a version after each change.'),
        'latest_version': base.declare_attribute(
            'Highest number of a version, 0 without versions.',
            base.WHOLE_NUMBER),
        'name': base.declare_attribute('Name of the function.')}
    removed = {'description': '', 'entry': 'main.main', 'async_policy': {},
               'input_schema': {}, 'output_schema': {}, 'environment': {},
               'flow_control': {}, 'keep_versions': 0}

    def validate(self) -> typing.Any:
        """Check the source of the code, where the template shows one."""
        code = self.properties.data.get('code')
        if isinstance(code, Mapping):
            sources = [key for key in SOURCES if code.get(key) is not None]
            if len(sources) != 1:
                self._reject('needs exactly one of files, archive, container '
                             'and image.')
            if sources == ['container'] and not code.get('object'):
                self._reject('needs object, the name of the ZIP file in the '
                             'container.')
            if sources != ['image'] and not self.properties.data.get(
                    'runtime'):
                self._reject('needs a runtime; add the property runtime.')
        return super().validate()

    def _reject(self, sentence: str) -> typing.NoReturn:
        raise exception.StackValidationFailed(
            message=f'code of {self.name} {sentence}')

    def build_fields(self, values: base.Values) -> base.Values:
        """Return the fields of the API, and ``package`` with new code."""
        result = super().build_fields(values)
        code = result.pop('code', None)
        if code is None:
            return result
        result['code'] = {'source': _find_source(code)}
        if code.get('container'):
            result['code']['swift'] = {'container': code['container'],
                                       'object': code['object']}
        elif code.get('image'):
            result['code']['image'] = code['image']
        else:
            result['package'] = (
                pack(code['files']) if code.get('files') is not None
                else decode(code['archive']))
        return result

    def changed_values(self, prop_diff: base.Values) -> base.Values:
        """Return the changes; a removed secret has no value."""
        values = super().changed_values(prop_diff)
        if 'secrets' in values:
            values['secrets'] = {
                **dict.fromkeys(self.properties['secrets'] or {}),
                **(values['secrets'] or {})}
        return values

    def needs_replace_with_prop_diff(
            self, changed_properties_set: set[str], after_props: typing.Any,
            before_props: typing.Any) -> bool:
        """Return whether the code comes from another source."""
        if 'code' not in changed_properties_set:
            return False
        sources = [_find_source(props['code'])
                   for props in (before_props, after_props)]
        return sources[0] != sources[1] or 'image' in sources

    def check_create_complete(self, row: base.Values) -> bool:
        """Return whether the dependencies are installed."""
        return self._check_build()

    def check_update_complete(self, values: base.Values) -> bool:
        """Return whether the dependencies of new code are installed."""
        return 'code' not in values or self._check_build()

    def _check_build(self) -> bool:
        if not self._show_resource()['code'].get('dependencies'):
            return True
        build = self.api().functions.get_build(self.resource_id)
        if build['status'] == 'failed':
            raise exceptions.ClientError(
                f'The installation of dependencies failed: '
                f'{build["status_reason"]}')
        return bool(build['status'] == 'ready')

    def _resolve_attribute(self, name: str) -> typing.Any:
        if name == 'digest' and self.resource_id is not None:
            return compute_digest(self._show_resource())
        return super()._resolve_attribute(name)


def _find_source(code: Mapping[str, typing.Any]) -> str:
    return next((source for key, source in SOURCES.items()
                 if code.get(key) is not None), '')


def pack(files: Mapping[str, str]) -> bytes:
    """Return a package with files; equal files give equal bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        for name, text in sorted(files.items()):
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            archive.writestr(info, text)
    return packed.getvalue()


def decode(text: str) -> bytes:
    """Return the bytes of a package in base64.

    :raises ClientError: the text is no base64.
    """
    try:
        return base64.b64decode(''.join(text.split()), validate=True)
    except (binascii.Error, ValueError) as e:
        raise exceptions.ClientError(
            f'code.archive is no base64: {e}. Use get_file with the path of '
            'a ZIP file.')


def compute_digest(row: Mapping[str, typing.Any]) -> str:
    """Return a hash over what a version keeps of a function."""
    text = json.dumps([row.get(name) for name in FROZEN], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
