# SPDX-License-Identifier: Apache-2.0
"""Challenges of senders, and ids of their deliveries."""

import json
import urllib.parse

from qinling.client import signatures
from qinling.core.trigger import payloads
from qinling.db import crud
from qinling import exception
from qinling.tests.unit.core.trigger import test_deliveries

SECRET = test_deliveries.SECRET


class TestChallenges(test_deliveries.DeliveryTest):
    def answer(self, id, delivery):
        answer = self.deliveries.answer_challenge(
            self.deliveries.get_webhook(id), delivery)
        self.assertEqual(0, self.count_executions())
        return answer

    def form(self, name):
        return self.webhook(signature=name, secret=SECRET)

    def query(self, method, **values):
        return payloads.Delivery(
            method, {}, urllib.parse.urlencode(values), lambda: b'')

    def slack(self, secret=SECRET, **values):
        request = signatures.sign('slack', secret, signatures.Request(
            json.dumps(values).encode()))
        return payloads.Delivery(
            'POST', {name.lower(): value for name, value
                     in request.headers.items()}, '', lambda: request.body)

    def test_slack(self):
        id = self.form('slack')
        values = {'type': 'url_verification', 'challenge': '3eZbrw1aBm2rZgR',
                  'token': 'Jhj5dZrVaK7ZwHHjRyZWjbDl'}
        self.assertEqual('3eZbrw1aBm2rZgR', self.answer(
            id, self.slack(**values)))
        self.assertRaises(exception.SignatureRefused, self.answer, id,
                          self.slack('another secret', **values))
        self.assertEqual(1, self.count_rejections(id))
        for values in (
                {'type': 'event_callback'},
                {'type': 'event_callback', 'text': 'url_verification'},
                {'type': 'url_verification', 'challenge': 1}):
            self.assertIsNone(self.answer(id, self.slack(**values)))

    def test_meta(self):
        id = self.form('meta')
        values = {'hub.mode': 'subscribe', 'hub.challenge': '1158201444',
                  'hub.verify_token': id}
        self.assertEqual('1158201444', self.answer(
            id, self.query('GET', **values)))
        error = self.assertRaises(
            exception.SignatureRefused, self.answer, id, self.query(
                'GET', **dict(values, **{'hub.verify_token': 'x'})))
        self.assertIn('verify token', str(error))
        self.assertIsNone(self.answer(id, self.query('POST', **values)))
        self.assertIsNone(self.answer(id, self.query('GET', a=1)))

    def test_microsoft(self):
        id = self.form('microsoft')
        self.assertEqual('Validation: Testing é', self.answer(
            id, self.query('POST', validationToken='Validation: Testing é')))
        self.assertIsNone(self.answer(id, self.query('POST', a=1)))
        self.assertIsNone(self.answer(id, self.query(
            'POST', validationToken='x' * 5000)))

    def test_other_forms_have_no_challenges(self):
        for id in (self.webhook(), self.form('github')):
            self.assertIsNone(self.answer(id, self.query(
                'POST', validationToken='x')))

    def test_challenges_are_recorded(self):
        id = self.form('microsoft')
        self.answer(id, self.query('POST', validationToken='x'))
        self.deliveries.close()
        row, = self.core.services.delivery_records.list_of(
            self.ctx, id, (), crud.Page())
        self.assertEqual(('answered', 200), (row.status, row.status_code))


class TestIds(test_deliveries.DeliveryTest):
    def send(self, id, form, body=b'{}', **headers):
        request = signatures.sign(form, SECRET, signatures.Request(body))
        headers = {name.lower(): value for name, value in {
            **request.headers, **headers}.items()}
        delivery = payloads.Delivery('POST', headers, '',
                                     lambda: request.body)
        return self.accept_repeats(id, delivery)[1], delivery

    def test_shopify(self):
        id = self.webhook(signature='shopify', secret=SECRET)
        repeats = [self.send(id, 'shopify', **{
            'X-Shopify-Webhook-Id': text})[0] for text in 'aab']
        self.assertEqual([False, True, False], repeats)

    def test_token_of_mailgun_runs_once(self):
        id = self.webhook(signature='mailgun', secret=SECRET)
        _, delivery = self.send(id, 'mailgun')
        # The signature does not cover the rest of the body.
        body = json.dumps(dict(json.loads(delivery.body), forged=1)).encode()
        self.assertTrue(self.accept_repeats(id, payloads.Delivery(
            'POST', {}, '', lambda: body))[1])

    def test_functions_do_not_get_the_secret_of_gitlab(self):
        id = self.webhook(signature='gitlab', secret=SECRET,
                          payload='request')
        _, delivery = self.send(id, 'gitlab')
        self.assertNotIn('x-gitlab-token', delivery.headers)
