# SPDX-License-Identifier: Apache-2.0
"""Deliveries: verification and execution."""

import datetime
import hmac

from oslotest import base

from qinling.core import secrets
from qinling.core.trigger import payloads
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

SECRET = 'a secret of a sender'
KEY = secrets.new_key()


def delivery(body=b'', **headers):
    return payloads.Delivery('POST', {
        name.replace('_', '-'): value for name, value in headers.items()},
        '', body if callable(body) else lambda: body)


def signed(body=b'', secret=SECRET, **headers):
    """Return a delivery signed as GitHub does."""
    signature = hmac.new(secret.encode(), body, 'sha256').hexdigest()
    return delivery(body, x_hub_signature_256=f'sha256={signature}',
                    **headers)


class DeliveryTest(base.BaseTestCase):
    LIMIT = '600/minute'

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(
            secrets={'encryption_keys': [KEY]},
            webhooks={'rate_limit': self.LIMIT}))
        self.deliveries = self.core.services.deliveries
        self.ctx = fixtures.caller('mine')
        self.function = self.core.function(self.ctx).id

    def webhook(self, **values):
        if 'function_alias' not in values:
            values.setdefault('function_id', self.function)
        return self.core.services.webhooks.create(self.ctx, values)[0].id

    def verified(self, **values):
        return self.webhook(signature='github', secret=SECRET, **values)

    def accept(self, id, request=None):
        """Return the execution row of a delivery."""
        return self.accept_repeats(id, request or delivery())[0]

    def accept_repeats(self, id, request):
        """Return the execution row, and whether the delivery repeats."""
        return self.deliveries.accept(self.deliveries.get_webhook(id),
                                      request)

    def check_refused(self, kind, id, request=None):
        """Return the sentence of a refused delivery without an execution."""
        before = self.count_executions()
        error = self.assertRaises(kind, self.accept, id, request)
        self.assertEqual(before, self.count_executions())
        return str(error)

    def count_executions(self):
        return self.core.row(models.Function, self.function).count

    def count_rejections(self, id):
        """Return the number of rejected deliveries."""
        self.deliveries.close()
        return self.core.row(models.Webhook, id).refused


class TestExecutions(DeliveryTest):
    def test_fields_of_the_execution(self):
        id = self.webhook()
        row = self.accept(id)
        self.assertEqual(
            ('mine', self.function, 0, None, False, 'running',
             f'Created by Webhook {id}', '{}'),
            (row.project_id, row.function_id, row.function_version,
             row.function_alias, row.sync, row.status, row.description,
             row.input))
        self.assertEqual(['start'], self.core.engine.verbs())

    def test_version(self):
        self.core.services.versions.create(self.ctx, self.function, None)
        row = self.accept(self.webhook(function_version=1))
        self.assertEqual(1, row.function_version)

    def test_alias_is_resolved_per_delivery(self):
        services = self.core.services
        services.versions.create(self.ctx, self.function, None)
        services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': self.function})
        id = self.webhook(function_alias='prod')
        for version in (0, 1, 0):
            services.aliases.update(self.ctx, 'prod', {
                'function_version': version})
            row = self.accept(id)
            self.assertEqual(('prod', self.function, version), (
                row.function_alias, row.function_id, row.function_version))

    def test_aliases_belong_to_the_project(self):
        """Check for the project of the webhook, not only the name."""
        theirs = fixtures.caller('theirs')
        for ctx, function in ((self.ctx, self.function),
                              (theirs, self.core.function(theirs).id)):
            self.core.services.aliases.create(ctx, {
                'name': 'prod', 'function_id': function})
        row = self.accept(self.webhook(function_alias='prod'))
        self.assertEqual(('mine', self.function), (row.project_id,
                                                   row.function_id))

    def test_deleted_alias(self):
        self.core.services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': self.function})
        id = self.webhook(function_alias='prod')
        self.core.db.write(lambda tx: crud.delete_all(
            tx, models.FunctionAlias))
        self.check_refused(exception.FunctionAliasNotFound, id)
        self.assertEqual(1, self.count_rejections(id))

    def test_functions_of_other_projects_are_refused(self):
        """Refuse a target of a corrupt row."""
        function = self.core.function(fixtures.caller('theirs')).id
        id = self.webhook()
        self.core.db.write(lambda tx: crud.update(
            tx, models.Webhook, id, {'function_id': function}))
        self.check_refused(exception.FunctionNotFound, id)

    def test_synchronous(self):
        row = self.accept(self.webhook(sync=True))
        self.assertEqual(('success', '{"output": 1}'),
                         (row.status, row.result))

    def test_payloads(self):
        for payload, text in (
                ('merged', '{"a": 1}'),
                ('request', '{"method": "POST", "headers": {"content-type": '
                 '"application/json"}, "query": {}, "body": '
                 '"{\\"a\\": 1}", "is_base64": false}')):
            row = self.accept(self.webhook(payload=payload), delivery(
                b'{"a": 1}', content_type='application/json'))
            self.assertEqual(text, row.input)

    def test_invalid_input_is_refused(self):
        self.check_refused(exception.Invalid, self.webhook(), delivery(
            b'{"__function_input": "\\ud800"}',
            content_type='application/json'))

    def test_unknown_webhooks(self):
        for id in ('x', '', '11111111-2222-4333-8444-555555555555'):
            self.assertRaises(exception.WebhookNotFound, self.accept, id)
            self.assertRaises(exception.WebhookNotFound,
                              self.deliveries.get_webhook, id)


class TestSignatures(DeliveryTest):
    def test_valid_signatures_are_accepted(self):
        self.accept(self.verified(), signed(b'x'))
        self.assertEqual(1, self.count_executions())

    def test_invalid_signatures_are_counted(self):
        id = self.verified()
        for request in (delivery(), signed(b'x', 'another secret'),
                        delivery(b'x', x_hub_signature_256='sha256=00')):
            sentence = self.check_refused(exception.SignatureRefused, id,
                                          request)
            self.assertNotIn(SECRET, sentence)
        self.assertEqual(3, self.count_rejections(id))

    def test_logs_hide_secrets_and_bodies(self):
        logged = self.useFixture(base.fixtures.FakeLogger())
        id = self.verified()
        self.check_refused(exception.SignatureRefused, id, signed(
            b'what is in the body', 'another secret'))
        self.count_rejections(id)
        self.assertIn(f'Rejected 1 deliveries of webhook {id}', logged.output)
        for text in (SECRET, 'another secret', 'what is in the body',
                     'sha256='):
            self.assertNotIn(text, logged.output)

    def test_signatures_are_checked_before_the_content(self):
        self.check_refused(exception.SignatureRefused, self.verified(),
                           delivery(b'{"__function_input": "\\ud800"}',
                                    content_type='application/json'))

    def rotate(self, id, **values):
        return self.core.services.webhooks.rotate_secret(
            self.ctx, id, values)[1]

    def test_rotation_accepts_both_secrets(self):
        id = self.verified()
        new = self.rotate(id)
        for secret in (SECRET, new):
            self.accept(id, signed(b'', secret))
        newer = self.rotate(id)
        for secret in (new, newer):
            self.accept(id, signed(b'', secret))
        self.check_refused(exception.SignatureRefused, id, signed())

    def test_previous_secret_expires(self):
        id = self.verified()
        new = self.rotate(id, overlap=60)
        self.core.db.write(lambda tx: crud.update(tx, models.Webhook, id, {
            'previous_until': models.now() - datetime.timedelta(seconds=1)}))
        self.check_refused(exception.SignatureRefused, id, signed())
        self.accept(id, signed(b'', new))

    def test_rotation_without_overlap(self):
        id = self.verified()
        new = self.rotate(id, overlap=0)
        self.check_refused(exception.SignatureRefused, id, signed())
        self.accept(id, signed(b'', new))

    def test_cleared_secrets_accept_unsigned_deliveries(self):
        id = self.verified()
        self.core.services.webhooks.clear_secret(self.ctx, id)
        self.accept(id)

    def test_unreadable_secrets_refuse_deliveries(self):
        """Refuse all deliveries."""
        id = self.verified()
        self.core.db.write(lambda tx: crud.update(
            tx, models.Webhook, id, {'secret': 'x'}))
        self.check_refused(exception.Unavailable, id, signed())
        self.assertEqual(1, self.count_rejections(id))


class TestLimits(DeliveryTest):
    LIMIT = '2/hour'

    def test_rate_limit(self):
        id = self.webhook()
        for _ in range(2):
            self.accept(id)
        for _ in range(3):
            self.check_refused(exception.RateLimited, id)
        self.accept(self.webhook())
        self.assertEqual(3, self.count_rejections(id))

    def test_unsigned_deliveries_do_not_use_the_rate(self):
        id = self.verified()
        for _ in range(9):
            self.check_refused(exception.SignatureRefused, id)
        for _ in range(2):
            self.accept(id, signed())
        self.check_refused(exception.RateLimited, id, signed())

    def test_bodies_beyond_the_rate_are_not_read(self):
        id = self.webhook()
        for _ in range(2):
            self.accept(id)

        def fail():
            raise AssertionError('The body was read.')
        self.check_refused(exception.RateLimited, id, delivery(fail))

    def test_large_bodies_are_refused(self):
        def refuse():
            raise exception.TooLarge(reason='it')
        for id in (self.webhook(), self.verified()):
            self.check_refused(exception.TooLarge, id, delivery(refuse))
            self.assertEqual(1, self.count_rejections(id))


class TestRepeats(DeliveryTest):
    def test_idempotency_headers(self):
        for name in ('idempotency_key', 'webhook_id', 'x_github_delivery'):
            for sync in (False, True):
                id = self.webhook(sync=sync)
                rows = [self.accept_repeats(id, delivery(b'x', **{
                    name: 'some'})) for _ in range(3)]
                self.assertEqual(1, len({row.id for row, _ in rows}))
                self.assertEqual([False, True, True],
                                 [repeated for _, repeated in rows])
        self.assertEqual(6, self.count_executions())

    def test_deliveries_without_a_key_always_run(self):
        id = self.webhook()
        self.assertEqual(3, len({self.accept(id).id for _ in range(3)}))

    def test_webhooks_have_separate_keys(self):
        for id in (self.webhook(), self.webhook()):
            self.accept(id, delivery(b'x', idempotency_key='k'))
        self.assertEqual(2, self.count_executions())

    def test_headers_have_separate_keys(self):
        id = self.webhook()
        for name in ('idempotency_key', 'webhook_id', 'x_github_delivery'):
            self.accept(id, delivery(b'x', **{name: 'k'}))
        self.assertEqual(3, self.count_executions())

    def test_other_content_with_a_used_key(self):
        id = self.webhook()
        self.accept(id, delivery(b'x', idempotency_key='k'))
        self.check_refused(exception.IdempotencyKeyReused, id,
                           delivery(b'y', idempotency_key='k'))
        # Some senders, for instance Stripe, count retries in the body.
        row = self.accept(id, delivery(b'x', webhook_id='k'))
        self.assertEqual(row.id, self.accept(
            id, delivery(b'y', webhook_id='k')).id)
        self.assertEqual((2, 1),
                         (self.count_executions(), self.count_rejections(id)))

    def test_repeats_need_a_signature(self):
        """Hide executions from senders without a signature."""
        id = self.verified()
        self.accept(id, signed(b'x', x_github_delivery='k'))
        self.check_refused(exception.SignatureRefused, id,
                           delivery(b'x', x_github_delivery='k'))
