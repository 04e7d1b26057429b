# SPDX-License-Identifier: Apache-2.0
"""``OS::Qinling::Runtime``: a pool of workers, for administrators."""

import typing

from qinling.client import exceptions
from qinling.heat import base


class Runtime(base.Resource):
    """Runtime; the creation waits for the pool of workers."""

    entity = 'runtimes'
    properties_schema = {
        'image': base.declare(
            base.TEXT, 'Image of the workers; on a single machine, the name '
            'of a language.', max_length=255, required=True),
        'name': base.declare(
            base.TEXT, 'Name of the runtime.', max_length=255),
        'description': base.declare(
            base.TEXT, 'Description of the runtime.', max_length=255),
        'language': base.declare(
            base.TEXT, 'Language of the image.', max_length=64),
        'language_version': base.declare(
            base.TEXT, 'Version of the language.', max_length=64),
        'is_public': base.declare(
            base.FLAG, 'Whether all projects can use the runtime.',
            replaces=True),
        'trusted': base.declare(
            base.FLAG, 'Whether workers run without stronger isolation.',
            replaces=True),
        'upgrade_versions': base.declare(
            base.FLAG, 'Whether published versions also run on a new image.')}
    attributes_schema = {
        'name': base.declare_attribute('Name of the runtime.'),
        'status': base.declare_attribute('Status of the pool.'),
        'status_reason': base.declare_attribute(
            'Why the pool could not be created or changed.')}
    removed = {'description': '', 'language': '', 'language_version': ''}

    def values(self) -> base.Values:
        """Return the properties; versions only matter for an update."""
        values = super().values()
        values.pop('upgrade_versions', None)
        return values

    def update_fields(self, fields: base.Values) -> None:
        """Send the changes; the new image decides about versions."""
        if 'image' in fields:
            fields.setdefault('upgrade_versions',
                              self.properties['upgrade_versions'])
        super().update_fields(fields)

    def check_create_complete(self, row: base.Values) -> bool:
        """Return whether the pool serves functions."""
        return self._check_pool()

    def check_update_complete(self, values: base.Values) -> bool:
        """Return whether the pool has the new image.

        :raises ClientError: the old image was restored.
        """
        if not self._check_pool():
            return False
        row = self._show_resource()
        if 'image' in values and row['image'] != values['image']:
            self._fail(row)
        return True

    def check_delete_complete(self, id: str | None) -> bool:
        """Return whether the runtime is gone with the pool."""
        if id is None:
            return True
        with self.client_plugin().ignore_not_found:
            self.collection().get(id)
            return False
        return True

    def is_broken(self, row: base.Values) -> bool:
        """Return whether the pool could not be created."""
        return bool(row['status'] == 'error')

    def _check_pool(self) -> bool:
        row = self._show_resource()
        if row['status'] == 'error':
            self._fail(row)
        return bool(row['status'] == 'available')

    @staticmethod
    def _fail(row: base.Values) -> typing.NoReturn:
        # Heat repeats the creation after a ResourceInError, here in vain.
        raise exceptions.ClientError(
            f'The runtime has no pool with this image: '
            f'{row["status_reason"]}')
