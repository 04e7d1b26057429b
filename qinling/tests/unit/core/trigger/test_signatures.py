# SPDX-License-Identifier: Apache-2.0
"""Signatures: published examples and invalid signatures."""

import base64
import hashlib
import hmac
import time
from unittest import mock

from oslotest import base

from qinling.core.trigger import signatures
from qinling import exception

#: GitHub, "Validating webhook deliveries", "Testing the webhook payload
#: validation".
GITHUB = ("It's a Secret to Everybody", b'Hello, World!', {
    'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a'
                           '37570b6d7586c22c46f4379c8b043e17'})
#: Slack, "Verifying requests from Slack".
SLACK_TIME = 1531420618
SLACK = (
    '8f742231b10e8888abcd99yyyzzz85a5',
    b'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain='
    b'testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA'
    b'&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url='
    b'https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F'
    b'96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.'
    b'803a0bc887a14d10d2c447fce8b6703c',
    {'x-slack-request-timestamp': str(SLACK_TIME),
     'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd'
                          '27519666489c69b503'})
#: The tests of the libraries of Standard Webhooks.
STANDARD_TIME = 1614265330
STANDARD = (
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', b'{"test": 2432232314}',
    {'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
     'webhook-timestamp': str(STANDARD_TIME),
     'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='})
#: Stripe publishes the algorithm without an example.
STRIPE_TIME = 1492774577
SECRET = 'whsec_of-stripe-is-taken-as-it-is'
TOLERANCE = 300


def digest(secret, *parts):
    """Compute a signature independently of the code under test."""
    mac = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    for part in parts:
        mac.update(part)
    return mac


def stripe(body, secret=SECRET, timestamp=STRIPE_TIME):
    hexdigest = digest(secret, str(timestamp).encode(), b'.', body).hexdigest()
    return {'stripe-signature': f't={timestamp},v0={"6" * 64},v1={hexdigest}'}


class SignatureTest(base.BaseTestCase):
    def set_time(self, now):
        """Set the clock."""
        clock = self.useFixture(base.fixtures.MonkeyPatch(
            'qinling.core.trigger.signatures.time', mock.Mock(spec=time)))
        clock.new_value.time.return_value = now

    def check_refused(self, words, form, secrets, headers, body):
        error = self.assertRaises(
            exception.SignatureRefused, signatures.verify, form, secrets,
            headers, body, TOLERANCE)
        self.assertIn(words, str(error))
        self.assertEqual(401, error.http_code)
        for secret in secrets:
            self.assertNotIn(secret, str(error))

    def check_accepted(self, form, secrets, headers, body):
        signatures.verify(form, secrets, headers, body, TOLERANCE)


class TestPublished(SignatureTest):
    def examples(self):
        body = b'{"id": "evt_1"}'
        return (('github', 0, *GITHUB), ('slack', SLACK_TIME, *SLACK),
                ('standard', STANDARD_TIME, *STANDARD),
                ('stripe', STRIPE_TIME, SECRET, body, stripe(body)))

    def test_examples(self):
        for form, now, secret, body, headers in self.examples():
            self.set_time(now)
            self.check_accepted(form, [secret], headers, body)

    def test_every_form_has_an_example(self):
        self.assertEqual(set(signatures.FORMS),
                         {form for form, *_ in self.examples()})

    def test_changed_bodies_are_refused(self):
        for form, now, secret, body, headers in self.examples():
            self.set_time(now)
            for changed in (b'', body + b' ', body[:-1], body.upper()):
                if changed != body:
                    self.check_refused('signature', form, [secret], headers,
                                       changed)

    def test_other_secrets_are_refused(self):
        wrong = STANDARD[0].replace('M', 'N')
        for form, now, _, body, headers in self.examples():
            self.set_time(now)
            self.check_refused('signature', form, [wrong], headers, body)

    def test_any_of_two_secrets_is_accepted(self):
        wrong = STANDARD[0].replace('M', 'N')
        for form, now, secret, body, headers in self.examples():
            self.set_time(now)
            self.check_accepted(form, [wrong, secret], headers, body)
            self.check_accepted(form, [secret, wrong], headers, body)

    def test_missing_headers_are_refused(self):
        for form, now, secret, body, headers in self.examples():
            self.set_time(now)
            for name in headers:
                less = {key: value for key, value in headers.items()
                        if key != name}
                self.check_refused('', form, [secret], less, body)
            self.check_refused(f'no signature of the form {form}', form,
                               [secret], {}, body)

    def test_invalid_headers_are_refused(self):
        for form, now, secret, body, headers in self.examples():
            self.set_time(now)
            for name, value in headers.items():
                for wrong in ('', ' ', ',', '=', 'v1', 'sha256=', value[:-1],
                              value.upper() + 'A', '\xff', value + 'é',
                              'v0=' + value, '9' * 5000, '-1', '1e9', '0x1',
                              '١٥', value + 'x'):
                    self.check_refused('', form, [secret],
                                       dict(headers, **{name: wrong}), body)

    def test_signatures_of_other_forms_are_refused(self):
        for form, now, secret, body, _ in self.examples():
            self.set_time(now)
            for other_form, _, _, _, headers in self.examples():
                if other_form != form:
                    self.check_refused('no signature', form, [secret], headers,
                                       body)


class TestTimes(SignatureTest):
    def test_tolerance(self):
        body = b'x'
        for form, now, secret, body, headers in (
                ('slack', SLACK_TIME, *SLACK),
                ('standard', STANDARD_TIME, *STANDARD),
                ('stripe', STRIPE_TIME, SECRET, body, stripe(body))):
            for off in (-TOLERANCE, -1, 0, TOLERANCE):
                self.set_time(now + off)
                self.check_accepted(form, [secret], headers, body)
            for off in (-TOLERANCE - 1, TOLERANCE + 1, 10 ** 9, -10 ** 9):
                self.set_time(now + off)
                self.check_refused('300 seconds from', form, [secret], headers,
                                   body)

    def test_invalid_times_are_refused(self):
        for timestamp in ('', '+1', '1.5', 'now', '9' * 30):
            self.check_refused('not in Unix seconds', 'stripe', [SECRET],
                               stripe(b'x', timestamp=timestamp), b'x')


class TestSeveral(SignatureTest):
    """Several signatures during a rotation."""

    def test_stripe(self):
        self.set_time(STRIPE_TIME)
        value = stripe(b'x')['stripe-signature']
        good = value.split(',')[-1]
        for text in (f't={STRIPE_TIME},v1={"0" * 64},{good}',
                     f't={STRIPE_TIME}, {good}, v1={"0" * 64}',
                     f'{good},t={STRIPE_TIME},v9=x,nothing'):
            self.check_accepted('stripe', [SECRET], {'stripe-signature': text},
                                b'x')
        self.check_refused('no signature', 'stripe', [SECRET], {
            'stripe-signature': f't={STRIPE_TIME},{good.replace("1", "0", 1)}'
        }, b'x')

    def test_standard(self):
        self.set_time(STANDARD_TIME)
        secret, body, headers = STANDARD
        good = headers['webhook-signature']
        for text in (f'v1,AAAA {good}', f'{good} v1,AAAA', f'v1a,x {good}',
                     f'  {good}'):
            self.check_accepted('standard', [secret], dict(
                headers, **{'webhook-signature': text}), body)
        self.check_refused('no signature', 'standard', [secret], dict(
            headers, **{'webhook-signature': 'v1a' + good[2:]}), body)


class TestSecrets(base.BaseTestCase):
    def test_generated_secrets_are_valid(self):
        for form in signatures.FORMS:
            new_secrets = {signatures.new_secret(form) for _ in range(10)}
            self.assertEqual(10, len(new_secrets))
            for secret in new_secrets:
                self.assertGreater(len(secret), 40)
                signatures.check_secret(form, secret)

    def test_secrets_of_senders_are_valid(self):
        for form, secret in (
                ('standard', STANDARD[0]), ('standard', STANDARD[0][6:]),
                ('slack', SLACK[0]), ('github', GITHUB[0]),
                ('stripe', 'whsec_12345678'), ('github', 'x' * 255),
                ('github', 'naïve 😀😀')):
            signatures.check_secret(form, secret)

    def test_invalid_secrets_are_refused(self):
        short = base64.b64encode(b'x' * 23).decode()
        long = base64.b64encode(b'x' * 65).decode()
        for form, secret in (
                ('standard', 'whsec_'), ('standard', short),
                ('standard', long), ('standard', STANDARD[0] + '!'),
                ('standard', 'ü' * 32), ('github', 'x' * 7), ('github', ''),
                ('slack', 'x' * 256), ('stripe', 'a\0bcdefghi'),
                ('github', 'secret\nsecret')):
            error = self.assertRaises(
                exception.Invalid, signatures.check_secret, form, secret)
            if secret not in ('', 'whsec_'):
                self.assertNotIn(secret, str(error))
