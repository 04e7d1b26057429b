# SPDX-License-Identifier: Apache-2.0
"""What all resources of Qinling in a template share."""

from collections.abc import Mapping
import typing

from heat.common import exception
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import resource
from heat.engine import translation

from qinling.client import v1
from qinling.heat import clients

#: Property of a template -> field of the API with another name.
API_NAMES = {'function': 'function_id', 'runtime': 'runtime_id'}
TEXT = properties.Schema.STRING
WHOLE_NUMBER = properties.Schema.INTEGER
FLAG = properties.Schema.BOOLEAN
OBJECT = properties.Schema.MAP
LIST = properties.Schema.LIST
ANYTHING = properties.Schema.ANY
#: Values of properties, by name.
Values = dict[str, typing.Any]


class Resource(resource.Resource):
    """Resource with an equally named collection of the Python client.

    Properties have the names of the fields of the API.

    :cvar entity: name of the collection.
    :cvar removed: property -> value for the API after the removal of the
        property from the template; others keep their value.
    :cvar once: properties that an update sends only if they change.
    """

    default_client_name = clients.CLIENT_NAME
    removed: Mapping[str, typing.Any] = {}
    once: frozenset[str] = frozenset()
    _repair: Mapping[str, typing.Any] | None = None

    def api(self) -> v1.Client:
        """Return the Python client for the owner of the stack."""
        client: v1.Client = self.client()
        return client

    def collection(self) -> typing.Any:
        """Return the collection of the Python client."""
        return getattr(self.api(), self.entity)

    def build_fields(self, values: Values) -> Values:
        """Return the fields of the API for values of properties."""
        return {API_NAMES.get(name, name): value
                for name, value in values.items()}

    def handle_create(self) -> typing.Any:
        """Create the resource."""
        row = self.collection().create(**self.build_fields(self.values()))
        self.resource_id_set(row['id'])
        return row

    def values(self) -> Values:
        """Return the properties that have a value."""
        values = {name: value for name, value in self.properties.items()
                  if value is not None}
        if 'name' in self.properties:
            values.setdefault('name', self.physical_resource_name())
        return values

    def handle_update(self, json_snippet: typing.Any,
                      tmpl_diff: typing.Any, prop_diff: Values) -> typing.Any:
        """Change the resource in place."""
        if self._repair is not None:
            prop_diff = {**self._repair, **prop_diff}
        values = self.changed_values(prop_diff)
        if values:
            self.update_fields(self.build_fields(values))
        return values

    def _needs_update(self, after: typing.Any, before: typing.Any,
                      after_props: typing.Any, *rest: typing.Any,
                      **options: typing.Any) -> bool:
        """Return whether to update; always after a failure.

        The failed update may have changed the resource, but Heat compares
        the template with the one before.
        """
        self._repair = {
            name: after_props[name] for name in self.properties_schema
            if name in self._update_allowed_properties
            and name not in self.once and after_props[name] is not None
        } if self.status == self.FAILED else None
        return bool(super()._needs_update(
            after, before, after_props, *rest, **options)
            or self._repair is not None)

    def changed_values(self, prop_diff: Values) -> Values:
        """Return values for the API of changed and of removed properties."""
        values = {name: self.removed.get(name) if value is None else value
                  for name, value in prop_diff.items()}
        if 'name' in values and values['name'] is None:
            values['name'] = self.physical_resource_name()
        return values

    def update_fields(self, fields: Values) -> None:
        """Send the changed fields."""
        self.collection().update(self.resource_id, **fields)

    def needs_replace_failed(self) -> bool:
        """Return whether a failed resource is of no use for an update.

        Names may be unique, so a resource that exists is changed.
        """
        if not self.resource_id:
            return True
        with self.client_plugin().ignore_not_found:
            return self.is_broken(self._show_resource())
        return True

    def is_broken(self, row: Values) -> bool:
        """Return whether no update can repair the resource."""
        return False

    def _resolve_attribute(self, name: str) -> typing.Any:
        if self.resource_id is None:
            return None
        return self._show_resource().get(API_NAMES.get(name, name))

    def translation_rules(self, props: typing.Any) -> list[typing.Any]:
        """Return rules that replace names by ids."""
        return [translation.TranslationRule(
            props, translation.TranslationRule.RESOLVE, [name],
            client_plugin=self.client_plugin(), finder=f'find_{name}')
            for name in API_NAMES if name in self.properties_schema]


class Trigger(Resource):
    """Resource that runs a function, or the target of an alias."""

    def validate(self) -> typing.Any:
        """Check that the template has one target."""
        targets = [name for name in ('function', 'function_alias')
                   if self.properties.data.get(name) is not None]
        if len(targets) != 1:
            raise exception.StackValidationFailed(
                message=f'{self.name} needs either function or '
                        'function_alias.')
        return super().validate()


def declare(kind: str, description: str, **options: typing.Any
            ) -> properties.Schema:
    """Return the declaration of a property that can be changed in place.

    :param options: ``replaces``, true if a change replaces the resource,
        ``max_length``, ``minimum``, ``choices``, ``custom``, the name of a
        constraint, and options of Heat.
    """
    checks = []
    if max_length := options.pop('max_length', None):
        checks.append(constraints.Length(max=max_length))
    if choices := options.pop('choices', None):
        checks.append(constraints.AllowedValues(choices))
    if custom := options.pop('custom', None):
        checks.append(constraints.CustomConstraint(custom))
    if (minimum := options.pop('minimum', None)) is not None:
        checks.append(constraints.Range(min=minimum))
    return properties.Schema(
        kind, description, constraints=checks,
        update_allowed=not options.pop('replaces', False), **options)


def declare_attribute(description: str, kind: str | None = None
                      ) -> attributes.Schema:
    """Return the declaration of an attribute."""
    return attributes.Schema(description, type=kind)


def declare_function(**options: typing.Any) -> properties.Schema:
    """Return the declaration of a property that names a function."""
    return declare(TEXT, 'Function: a resource, an id or a name.',
                   custom='qinling.function', **options)


def declare_version() -> properties.Schema:
    """Return the declaration of a property with the number of a version."""
    return declare(WHOLE_NUMBER, 'Number of a version of the function, such '
                   'as the attribute number of OS::Qinling::Version; 0 for '
                   'the latest code.', minimum=0)
