# SPDX-License-Identifier: Apache-2.0
"""``OS::Qinling::Version``: immutable and numbered."""

import typing

from qinling.heat import base


class Version(base.Resource):
    """Version of a function, published from the latest code.

    The physical id is that of the function, a slash and the number.
    """

    entity = 'versions'
    properties_schema = {
        'function': base.declare_function(required=True, replaces=True),
        'revision': base.declare(
            base.TEXT, 'Any text; another text publishes a new version in '
            'place of this one. Use {get_attr: [my_function, digest]}.',
            replaces=True),
        'description': base.declare(
            base.TEXT, 'Description of the version.', max_length=255),
        'message': base.declare(
            base.TEXT, 'Why the version is published.', max_length=4000,
            replaces=True),
        'tags': base.declare(
            base.LIST, 'Short names, such as reviewed.')}
    attributes_schema = {
        'number': base.declare_attribute(
            'Number of the version.', base.WHOLE_NUMBER),
        'digest': base.declare_attribute(
            'Hash over everything that executions of the version run.')}
    removed = {'description': '', 'tags': []}

    def handle_create(self) -> typing.Any:
        """Publish the latest code."""
        fields = self.build_fields(self.values())
        fields.pop('revision', None)
        row = self.collection().create(**fields)
        self.resource_id_set(f'{row["function_id"]}/{row["version_number"]}')
        return row

    def _address(self) -> tuple[str, int]:
        function, _, number = self.resource_id.partition('/')
        return function, int(number)

    def update_fields(self, fields: base.Values) -> None:
        """Change description or tags."""
        self.collection().update(*self._address(), **fields)

    def handle_delete(self) -> None:
        """Delete the version."""
        if self.resource_id is not None:
            with self.client_plugin().ignore_not_found:
                self.collection().delete(*self._address())

    def _show_resource(self) -> typing.Any:
        return self.collection().get(*self._address())

    def _resolve_attribute(self, name: str) -> typing.Any:
        if name == 'number' and self.resource_id is not None:
            return self._address()[1]
        return super()._resolve_attribute(name)
