# SPDX-License-Identifier: Apache-2.0
"""Deliveries: who is let in, and what runs."""

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
    """A delivery as GitHub makes it."""
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

    def take(self, id, sent=None):
        """The row of the execution of a delivery."""
        return self.deliveries.accept(id, sent or delivery())[0]

    def refused(self, kind, id, sent=None):
        """The sentence for a delivery that is refused; nothing has run."""
        before = self.runs()
        error = self.assertRaises(kind, self.take, id, sent)
        self.assertEqual(before, self.runs())
        return str(error)

    def runs(self):
        return self.core.row(models.Function, self.function).count

    def count(self, id):
        """How many deliveries were refused."""
        self.deliveries.close()
        return self.core.row(models.Webhook, id).refused


class TestWhatRuns(DeliveryTest):
    def test_the_execution(self):
        id = self.webhook()
        row = self.take(id)
        self.assertEqual(
            ('mine', self.function, 0, None, False, 'running',
             f'Created by Webhook {id}', '{}'),
            (row.project_id, row.function_id, row.function_version,
             row.function_alias, row.sync, row.status, row.description,
             row.input))
        self.assertEqual(['start'], self.core.engine.verbs())

    def test_a_version(self):
        self.core.services.versions.create(self.ctx, self.function, None)
        row = self.take(self.webhook(function_version=1))
        self.assertEqual(1, row.function_version)

    def test_an_alias_wherever_it_points(self):
        services = self.core.services
        services.versions.create(self.ctx, self.function, None)
        services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': self.function})
        id = self.webhook(function_alias='prod')
        for version in (0, 1, 0):
            services.aliases.update(self.ctx, 'prod', {
                'function_version': version})
            row = self.take(id)
            self.assertEqual(('prod', self.function, version), (
                row.function_alias, row.function_id, row.function_version))

    def test_an_alias_of_the_owner(self):
        """Others may have one of the same name."""
        theirs = fixtures.caller('theirs')
        for ctx, function in ((self.ctx, self.function),
                              (theirs, self.core.function(theirs).id)):
            self.core.services.aliases.create(ctx, {
                'name': 'prod', 'function_id': function})
        row = self.take(self.webhook(function_alias='prod'))
        self.assertEqual(('mine', self.function), (row.project_id,
                                                   row.function_id))

    def test_an_alias_that_is_gone(self):
        self.core.services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': self.function})
        id = self.webhook(function_alias='prod')
        self.core.db.write(lambda tx: crud.delete_all(
            tx, models.FunctionAlias))
        self.refused(exception.FunctionAliasNotFound, id)
        self.assertEqual(1, self.count(id))

    def test_a_function_of_others(self):
        """It could only be there by a fault, and is not run."""
        other = self.core.function(fixtures.caller('theirs')).id
        id = self.webhook()
        self.core.db.write(lambda tx: crud.update(
            tx, models.Webhook, id, {'function_id': other}))
        self.refused(exception.FunctionNotFound, id)

    def test_synchronous(self):
        row = self.take(self.webhook(sync=True))
        self.assertEqual(('success', '{"output": 1}'),
                         (row.status, row.result))

    def test_payloads(self):
        for payload, shown in (
                ('merged', '{"a": 1}'),
                ('request', '{"method": "POST", "headers": {"content-type": '
                 '"application/json"}, "query": {}, "body": '
                 '"{\\"a\\": 1}", "is_base64": false}')):
            row = self.take(self.webhook(payload=payload), delivery(
                b'{"a": 1}', content_type='application/json'))
            self.assertEqual(shown, row.input)

    def test_a_body_that_nobody_can_keep(self):
        self.refused(exception.Invalid, self.webhook(), delivery(
            b'{"__function_input": "\\ud800"}',
            content_type='application/json'))

    def test_nothing_there(self):
        for id in ('x', '', '11111111-2222-4333-8444-555555555555'):
            self.assertRaises(exception.WebhookNotFound, self.take, id)
            self.assertRaises(exception.WebhookNotFound,
                              self.deliveries.get_webhook, id)


class TestSignatures(DeliveryTest):
    def test_the_right_one(self):
        self.take(self.verified(), signed(b'x'))
        self.assertEqual(1, self.runs())

    def test_wrong_ones_are_counted(self):
        id = self.verified()
        for sent in (delivery(), signed(b'x', 'another secret'),
                     delivery(b'x', x_hub_signature_256='sha256=00')):
            sentence = self.refused(exception.SignatureRefused, id, sent)
            self.assertNotIn(SECRET, sentence)
        self.assertEqual(3, self.count(id))

    def test_the_log_tells_nothing_of_it(self):
        logged = self.useFixture(base.fixtures.FakeLogger())
        id = self.verified()
        self.refused(exception.SignatureRefused, id, signed(
            b'what is in the body', 'another secret'))
        self.count(id)
        self.assertIn(f'Rejected 1 deliveries of webhook {id}', logged.output)
        for text in (SECRET, 'another secret', 'what is in the body',
                     'sha256='):
            self.assertNotIn(text, logged.output)

    def test_it_is_looked_at_before_the_content(self):
        self.refused(exception.SignatureRefused, self.verified(), delivery(
            b'{"__function_input": "\\ud800"}',
            content_type='application/json'))

    def rotate(self, id, **values):
        return self.core.services.webhooks.rotate_secret(
            self.ctx, id, values)[1]

    def test_two_secrets(self):
        id = self.verified()
        new = self.rotate(id)
        for secret in (SECRET, new):
            self.take(id, signed(b'', secret))
        newer = self.rotate(id)
        for secret in (new, newer):
            self.take(id, signed(b'', secret))
        self.refused(exception.SignatureRefused, id, signed())

    def test_the_end_of_the_old_one(self):
        id = self.verified()
        new = self.rotate(id, overlap=60)
        self.core.db.write(lambda tx: crud.update(tx, models.Webhook, id, {
            'previous_until': models.now() - datetime.timedelta(seconds=1)}))
        self.refused(exception.SignatureRefused, id, signed())
        self.take(id, signed(b'', new))

    def test_no_overlap(self):
        id = self.verified()
        new = self.rotate(id, overlap=0)
        self.refused(exception.SignatureRefused, id, signed())
        self.take(id, signed(b'', new))

    def test_no_secret_any_more(self):
        id = self.verified()
        self.core.services.webhooks.clear_secret(self.ctx, id)
        self.take(id)

    def test_a_secret_that_nobody_can_read(self):
        """Then nobody is let in."""
        id = self.verified()
        self.core.db.write(lambda tx: crud.update(
            tx, models.Webhook, id, {'secret': 'x'}))
        self.refused(exception.Unavailable, id, signed())
        self.assertEqual(1, self.count(id))


class TestLimits(DeliveryTest):
    LIMIT = '2/hour'

    def test_the_rate(self):
        id = self.webhook()
        for _ in range(2):
            self.take(id)
        for _ in range(3):
            self.refused(exception.RateLimited, id)
        self.take(self.webhook())
        self.assertEqual(3, self.count(id))

    def test_strangers_use_up_nothing(self):
        id = self.verified()
        for _ in range(9):
            self.refused(exception.SignatureRefused, id)
        for _ in range(2):
            self.take(id, signed())
        self.refused(exception.RateLimited, id, signed())

    def test_bodies_beyond_the_rate_are_not_read(self):
        id = self.webhook()
        for _ in range(2):
            self.take(id)

        def fail():
            raise AssertionError('It was read.')
        self.refused(exception.RateLimited, id, delivery(fail))

    def test_what_is_too_large(self):
        def refuse():
            raise exception.TooLarge(reason='it')
        for id in (self.webhook(), self.verified()):
            self.refused(exception.TooLarge, id, delivery(refuse))
            self.assertEqual(1, self.count(id))


class TestRepeats(DeliveryTest):
    def test_the_names_of_senders(self):
        for name in ('idempotency_key', 'webhook_id', 'x_github_delivery'):
            for sync in (False, True):
                id = self.webhook(sync=sync)
                rows = [self.deliveries.accept(id, delivery(b'x', **{
                    name: 'some'})) for _ in range(3)]
                self.assertEqual(1, len({row.id for row, _ in rows}))
                self.assertEqual([False, True, True],
                                 [repeated for _, repeated in rows])
        self.assertEqual(6, self.runs())

    def test_without_a_name(self):
        id = self.webhook()
        self.assertEqual(3, len({self.take(id).id for _ in range(3)}))

    def test_another_webhook(self):
        for id in (self.webhook(), self.webhook()):
            self.take(id, delivery(b'x', idempotency_key='k'))
        self.assertEqual(2, self.runs())

    def test_another_header(self):
        id = self.webhook()
        for name in ('idempotency_key', 'webhook_id', 'x_github_delivery'):
            self.take(id, delivery(b'x', **{name: 'k'}))
        self.assertEqual(3, self.runs())

    def test_another_content(self):
        id = self.webhook()
        self.take(id, delivery(b'x', idempotency_key='k'))
        self.refused(exception.IdempotencyKeyReused, id,
                     delivery(b'y', idempotency_key='k'))
        # Stripe, for one, counts its tries in the body.
        row = self.take(id, delivery(b'x', webhook_id='k'))
        self.assertEqual(row.id, self.take(
            id, delivery(b'y', webhook_id='k')).id)
        self.assertEqual((2, 1), (self.runs(), self.count(id)))

    def test_only_those_who_may(self):
        """Who cannot sign does not learn of an execution either."""
        id = self.verified()
        self.take(id, signed(b'x', x_github_delivery='k'))
        self.refused(exception.SignatureRefused, id,
                     delivery(b'x', x_github_delivery='k'))
