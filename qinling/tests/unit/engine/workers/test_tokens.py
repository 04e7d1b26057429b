# SPDX-License-Identifier: Apache-2.0
"""Tokens of executions: creation, cache and renewal."""

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
    """Keystone with tokens of a lifetime and a remaining time.

    ``life`` and ``remaining`` are seconds; ``trust_ids`` has the used trusts.
    """

    public_url, region = 'http://keystone/v3', 'here'

    def __init__(self, life=HOUR, remaining=HOUR):
        self.life, self.remaining = life, remaining
        self.trust_ids = []
        self.fault = None

    def trustee_plugin(self, trust_id):
        self.trust_ids.append(trust_id)
        return types.SimpleNamespace(trust_id=trust_id,
                                     number=len(self.trust_ids))

    def open_token(self, plugin, seconds):
        if self.fault is not None:
            raise self.fault
        now = datetime.datetime.now(datetime.timezone.utc)
        expires = now + datetime.timedelta(seconds=self.remaining)
        return types.SimpleNamespace(
            auth_token=f'token {plugin.number}', user_id='u',
            expires=expires,
            issued=expires - datetime.timedelta(seconds=self.life),
            will_expire_soon=lambda seconds: self.remaining < seconds)


class TestTokens(test_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.keystone = FakeKeystone()
        background = base.Background(runs=False)
        self.renewals = background.calls
        self.tokens = tokens.Tokens(self.keystone, background)
        self.target = base.target(trust_id='t')

    def pass_time(self, seconds):
        """Let the tokens expire in a number of seconds."""
        self.keystone.remaining = seconds
        self.tokens._contexts.clear()

    def token(self):
        return self.tokens.context(self.target)['token']

    def test_no_trust(self):
        for cache in (self.tokens, tokens.Tokens(None, None)):
            token_context = cache.context(base.target())
            self.assertEqual({None}, set(token_context.values()))
            self.assertIsNone(cache.auth(base.target()))
        self.assertEqual([], self.keystone.trust_ids)

    def test_context(self):
        token_context = self.tokens.context(self.target)
        self.assertRegex(token_context.pop('expires_at'),
                         r'\A\d{4}-.*:\d\dZ\Z')
        self.assertEqual({'auth_url': 'http://keystone/v3', 'token': 'token 1',
                          'user_id': 'u', 'region': 'here',
                          'os_session': None}, token_context)
        self.assertEqual(set(tokens.NO_CONTEXT),
                         set(token_context) | {'expires_at'})

    def test_tokens_are_cached(self):
        self.assertEqual(['token 1'] * 3, [self.token() for _ in range(3)])
        self.assertEqual(['t'], self.keystone.trust_ids)
        self.assertEqual([], self.renewals)

    def test_tokens_are_renewed_before_they_expire(self):
        self.token()
        self.pass_time(100)
        self.assertEqual(['token 1'] * 2, [self.token(), self.token()])
        (renew, *arguments), = self.renewals
        self.keystone.remaining = HOUR
        renew(*arguments)
        self.assertEqual('token 2', self.token())
        self.pass_time(100)
        self.token()
        self.assertEqual(2, len(self.renewals))

    def test_failed_renewals_are_repeated(self):
        self.token()
        self.pass_time(100)
        self.token()
        self.keystone.fault = exception.TemporaryError('down')
        (renew, *arguments), = self.renewals
        self.assertRaises(exception.TemporaryError, renew, *arguments)
        self.keystone.fault = None
        self.token()
        self.assertEqual(2, len(self.renewals))

    def test_long_executions_renew_the_token(self):
        self.token()
        self.keystone.remaining = 100
        self.assertEqual([], self.renewals)
        self.tokens.context(base.target(trust_id='t', timeout=299))
        self.assertEqual(1, len(self.renewals))

    def test_short_lived_tokens_are_not_renewed(self):
        self.keystone.life = self.keystone.remaining = 60
        self.token()
        self.assertEqual([], self.renewals)

    def test_stopping_engine_renews_no_token(self):
        background = mock.Mock()
        background.submit.side_effect = exception.Unavailable(reason='stop')
        stopping = tokens.Tokens(self.keystone, background)
        self.keystone.remaining = 100
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

    def test_engine_without_an_account_raises(self):
        e = self.assertRaises(
            tokens.NoToken, tokens.Tokens(None, None).context, self.target)
        self.assertIn('no account in Keystone', str(e))

    def test_cache_is_limited(self):
        for number in range(tokens.MAX_CACHED_FUNCTIONS + 1):
            self.tokens.auth(base.target(trust_id=str(number)))
        self.assertEqual(tokens.MAX_CACHED_FUNCTIONS,
                         len(self.tokens._plugins))
        self.assertNotIn('0', self.tokens._plugins)

    def test_concurrent_calls_share_a_plugin(self):
        threads = [threading.Thread(target=self.token) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(1, len(self.tokens._plugins))
