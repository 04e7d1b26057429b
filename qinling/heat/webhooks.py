# SPDX-License-Identifier: Apache-2.0
"""``OS::Qinling::Webhook``: a URL that runs a function."""

import typing

from qinling.heat import base


class Webhook(base.Trigger):
    """Webhook: a URL that runs a function, or the target of an alias."""

    entity = 'webhooks'
    properties_schema = {
        'function': base.declare_function(),
        'function_version': base.declare_version(),
        'function_alias': base.declare(
            base.TEXT, 'Alias to run, in place of function.', max_length=255),
        'description': base.declare(
            base.TEXT, 'Description of the webhook.', max_length=255),
        'sync': base.declare(
            base.FLAG, 'Whether the sender waits for the answer of the '
            'function.'),
        'payload': base.declare(
            base.TEXT, 'Form of the input.', choices=['merged', 'request']),
        'methods': base.declare(
            base.LIST, 'HTTP methods that run the function.'),
        'origins': base.declare(
            base.LIST, 'Origins of web pages that may use the webhook.'),
        'previews': base.declare(
            base.FLAG, 'Whether the URL has variants for versions and '
            'aliases.'),
        'keep_deliveries': base.declare(
            base.FLAG, 'Whether deliveries stay on record.'),
        'stream': base.declare(
            base.TEXT, 'Whether the sender gets the output as the function '
            'yields it.', choices=['off', 'continue', 'cancel']),
        'signature': base.declare(
            base.TEXT, 'Signature scheme of the senders.'),
        'secret': base.declare(
            base.TEXT, 'Secret of the signatures, by default a random one; '
            'take the value from a hidden parameter.', max_length=255)}
    attributes_schema = {
        'url': base.declare_attribute('URL for senders.'),
        'preview_urls': base.declare_attribute(
            'Variants of the URL.', base.LIST),
        'secret': base.declare_attribute(
            'Secret of the signatures, if the webhook has one.')}
    removed = {'function_version': 0, 'description': '', 'sync': False,
               'payload': 'merged', 'methods': ['POST'], 'origins': [],
               'previews': False, 'keep_deliveries': True, 'stream': 'off'}
    once = frozenset(['signature', 'secret'])

    def handle_create(self) -> typing.Any:
        """Create the webhook, and keep a generated secret."""
        row = super().handle_create()
        self._keep_secret(row)
        return row

    def handle_update(self, json_snippet: typing.Any,
                      tmpl_diff: typing.Any, prop_diff: base.Values
                      ) -> typing.Any:
        """Change the webhook, and rotate the secret if the template does."""
        signed = self.once.intersection(prop_diff)
        super().handle_update(json_snippet, tmpl_diff, {
            name: value for name, value in prop_diff.items()
            if name not in signed})
        if signed:
            self._rotate(json_snippet.properties(
                self.properties_schema, self.context))

    def handle_delete(self) -> typing.Any:
        """Delete the webhook and the kept secret.

        SQLite would give the secret to the next resource of the same number.
        """
        answer = super().handle_delete()
        self.data_delete('secret')
        return answer

    def changed_values(self, prop_diff: base.Values) -> base.Values:
        """Return the changes; a webhook with an alias has no version."""
        values = super().changed_values(prop_diff)
        if values.get('function_alias'):
            values.pop('function_version', None)
        return values

    def _rotate(self, after: typing.Any) -> None:
        if after['signature'] is None:
            self.collection().clear_secret(self.resource_id)
            self.data_delete('secret')
            return
        self._keep_secret(self.collection().rotate_secret(
            self.resource_id, signature=after['signature'],
            secret=after['secret']))

    def _keep_secret(self, row: base.Values) -> None:
        if row.get('secret'):
            self.data_set('secret', row['secret'], redact=True)

    def _resolve_attribute(self, name: str) -> typing.Any:
        if name == 'secret':
            return self.data().get('secret')
        return super()._resolve_attribute(
            'webhook_url' if name == 'url' else name)
