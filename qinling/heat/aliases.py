# SPDX-License-Identifier: Apache-2.0
"""``OS::Qinling::Alias``: a name for a version."""

import typing

from heat.engine import constraints
from heat.engine import properties

from qinling.heat import base

_SHARE = {
    'version': properties.Schema(
        base.WHOLE_NUMBER, 'Number of a version, 0 for the latest code.',
        required=True),
    'weight': properties.Schema(
        properties.Schema.NUMBER, 'Part of the executions, from 0 to 1.',
        required=True, constraints=[constraints.Range(min=0, max=1)])}


class Alias(base.Resource):
    """Alias of a version; the name is the physical id."""

    entity = 'aliases'
    properties_schema = {
        'name': base.declare(
            base.TEXT, 'Name, unique in the project.', max_length=255,
            replaces=True),
        'function': base.declare_function(required=True),
        'function_version': base.declare_version(),
        'routing': base.declare(
            base.LIST, 'Versions that share the executions.',
            schema=properties.Schema(base.OBJECT, schema=_SHARE)),
        'tool': base.declare(
            base.TEXT, 'Name of the function as a tool for assistants.',
            max_length=64),
        'flow_control': base.declare(
            base.OBJECT, 'Flow control in place of that of the function.'),
        'description': base.declare(
            base.TEXT, 'Description of the alias.', max_length=255)}
    attributes_schema = {
        'function': base.declare_attribute('Id of the function.'),
        'function_version': base.declare_attribute(
            'Number of the version.', base.WHOLE_NUMBER)}
    removed = {'function_version': 0, 'routing': {}, 'tool': '',
               'flow_control': {}, 'description': ''}

    def handle_create(self) -> typing.Any:
        """Create the alias."""
        row = self.collection().create(**self.build_fields(self.values()))
        self.resource_id_set(row['name'])
        return row

    def build_fields(self, values: base.Values) -> base.Values:
        """Return the fields of the API, with weights by version."""
        fields = super().build_fields(values)
        if fields.get('routing'):
            fields['routing'] = {str(share['version']): share['weight']
                                 for share in fields['routing']}
        return fields
