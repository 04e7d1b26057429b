# SPDX-License-Identifier: Apache-2.0
"""Tokens of executions: opened once, kept, renewed in time."""

import datetime
import threading
import types
from unittest import mock

from oslotest import base as test_base

from qinling.engine.workers import tokens
from qinling import exception
from qinling.tests.unit.engine import base

HOUR = 3600


class FakeKeystone:
    """A Keystone whose tokens live for ``life`` seconds and have ``left``
    of them; ``opened`` has the trusts that were used."""

    public_url, region = 'http://keystone/v3', 'here'

    def __init__(self, life=HOUR, left=HOUR):
        self.life, self.left = life, left
        self.opened = []
        self.fault = None

    def trustee_plugin(self, trust_id):
        self.opened.append(trust_id)
        return types.SimpleNamespace(trust_id=trust_id,
                                     number=len(self.opened))

    def open_token(self, plugin, seconds):
        if self.fault is not None:
            raise self.fault
        now = datetime.datetime.now(datetime.timezone.utc)
        expires = now + datetime.timedelta(seconds=self.left)
        return types.SimpleNamespace(
            auth_token=f'token {plugin.number}', user_id='u',
            expires=expires,
            issued=expires - datetime.timedelta(seconds=self.life),
            will_expire_soon=lambda seconds: self.left < seconds)


class TestTokens(test_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.keystone = FakeKeystone()
        background = base.Background(runs=False)
        self.later = background.calls
        self.tokens = tokens.Tokens(self.keystone, background)
        self.target = base.target(trust_id='t')

    def pass_time(self, left):
        """Until the tokens have so many seconds left."""
        self.keystone.left = left
        self.tokens._contexts.clear()

    def token(self):
        return self.tokens.context(self.target)['token']

    def test_no_trust(self):
        for each in (self.tokens, tokens.Tokens(None, None)):
            found = each.context(base.target())
            self.assertEqual({None}, set(found.values()))
            self.assertIsNone(each.auth(base.target()))
        self.assertEqual([], self.keystone.opened)

    def test_context(self):
        found = self.tokens.context(self.target)
        self.assertRegex(found.pop('expires_at'), r'\A\d{4}-.*:\d\dZ\Z')
        self.assertEqual({
            'auth_url': 'http://keystone/v3', 'token': 'token 1',
            'user_id': 'u', 'region': 'here', 'os_session': None}, found)
        self.assertEqual(set(tokens.NO_CONTEXT), set(found) | {'expires_at'})

    def test_a_token_is_kept(self):
        self.assertEqual(['token 1'] * 3, [self.token() for _ in range(3)])
        self.assertEqual(['t'], self.keystone.opened)
        self.assertEqual([], self.later)

    def test_a_token_is_renewed_before_its_end(self):
        self.token()
        self.pass_time(100)
        self.assertEqual(['token 1'] * 2, [self.token(), self.token()])
        (renew, *arguments), = self.later
        self.keystone.left = HOUR
        renew(*arguments)
        self.assertEqual('token 2', self.token())
        self.pass_time(100)
        self.token()
        self.assertEqual(2, len(self.later))

    def test_a_renewal_that_fails(self):
        self.token()
        self.pass_time(100)
        self.token()
        self.keystone.fault = exception.TemporaryError('down')
        (renew, *arguments), = self.later
        self.assertRaises(exception.TemporaryError, renew, *arguments)
        self.keystone.fault = None
        self.token()
        self.assertEqual(2, len(self.later))

    def test_a_longer_execution_looks_again(self):
        self.token()
        self.keystone.left = 100
        self.assertEqual([], self.later)
        self.tokens.context(base.target(trust_id='t', timeout=299))
        self.assertEqual(1, len(self.later))

    def test_tokens_that_live_shortly_are_not_renewed_all_the_time(self):
        self.keystone.life = self.keystone.left = 60
        self.token()
        self.assertEqual([], self.later)

    def test_an_engine_that_stops(self):
        background = mock.Mock()
        background.submit.side_effect = RuntimeError
        stopping = tokens.Tokens(self.keystone, background)
        self.keystone.left = 100
        for _ in range(2):
            stopping.context(self.target)
        self.assertEqual(set(), stopping._renewing)

    def test_faults(self):
        for fault, sentence in (
                (exception.TemporaryError('x'), 'does not answer'),
                (exception.PermanentError('x'), 'gives nothing any more')):
            self.keystone.fault = fault
            e = self.assertRaises(tokens.NoToken, self.token)
            self.assertIn(sentence, str(e))
        self.keystone.fault = None
        self.assertIsNotNone(self.token())

    def test_an_engine_without_an_account(self):
        e = self.assertRaises(
            tokens.NoToken, tokens.Tokens(None, None).context, self.target)
        self.assertIn('no account in Keystone', str(e))

    def test_the_oldest_are_forgotten(self):
        for number in range(tokens.MAX_CACHED_FUNCTIONS + 1):
            self.tokens.auth(base.target(trust_id=str(number)))
        self.assertEqual(tokens.MAX_CACHED_FUNCTIONS,
                         len(self.tokens._plugins))
        self.assertNotIn('0', self.tokens._plugins)

    def test_many_at_once(self):
        threads = [threading.Thread(target=self.token) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(1, len(self.tokens._plugins))
