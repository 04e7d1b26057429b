# SPDX-License-Identifier: Apache-2.0
"""Signatures: published examples and invalid signatures."""

import base64
import hashlib
import hmac
import json
import time
from unittest import mock
import urllib.parse

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
#: The tests of the function sqlpage.hmac of SQLPage.
SHOPIFY = (
    'test-webhook-secret',
    b'{"id":1234567890,"email":"customer@example.com",'
    b'"total_price":"123.45"}',
    {'x-shopify-hmac-sha256': 'QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw='})
#: Twilio, "Security", and the tests of its library for Python.
TWILIO_FORM = (
    'twilio', '12345', b'CallSid=CA1234567890ABCDE&Caller=%2B12349013030&'
    b'Digits=1234&From=%2B12349013030&To=%2B18005551212',
    {'x-twilio-signature': '0/KCTR6DLpKmkAf8muzZqo1nDgQ=',
     'content-type': 'application/x-www-form-urlencoded'},
    'https://mycompany.com/myapp.php?foo=1&bar=2')
TWILIO_JSON = (
    'twilio', '12345', b'{"property": "value", "boolean": true}',
    {'x-twilio-signature': 'a9nBmqA0ju/hNViExpshrM61xv4='},
    'https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95'
    'db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620')
#: "Securing webhooks" of Mailgun has time and token, and no key.
MAILGUN_TIME = 1529006854
MAILGUN_TOKEN = 'a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0'
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


def mailgun():
    """Return the body of a delivery of Mailgun."""
    mac = digest(SECRET, str(MAILGUN_TIME).encode(), MAILGUN_TOKEN.encode())
    fields = {'timestamp': str(MAILGUN_TIME), 'token': MAILGUN_TOKEN,
              'signature': mac.hexdigest()}
    return json.dumps({'signature': fields,
                       'event-data': {'event': 'opened'}}).encode()


class SignatureTest(base.BaseTestCase):
    def set_time(self, now):
        """Set the clock."""
        clock = self.useFixture(base.fixtures.MonkeyPatch(
            'qinling.core.trigger.signatures.time', mock.Mock(spec=time)))
        clock.new_value.time.return_value = now

    def check_refused(self, words, form, secrets, headers, body, url=''):
        error = self.assertRaises(
            exception.SignatureRefused, signatures.verify, form, secrets,
            signatures.Message(headers, body, url), TOLERANCE)
        self.assertIn(words, str(error))
        self.assertEqual(401, error.http_code)
        for secret in secrets:
            self.assertNotIn(secret, str(error))

    def check_accepted(self, form, secrets, headers, body, url=''):
        signatures.verify(form, secrets, signatures.Message(
            headers, body, url), TOLERANCE)


def examples():
    """Yield form, time, secret, body, headers and URL."""
    for form, now, example in (
            ('github', 0, GITHUB), ('meta', 0, GITHUB),
            ('slack', SLACK_TIME, SLACK),
            ('standard', STANDARD_TIME, STANDARD), ('shopify', 0, SHOPIFY)):
        yield form, now, *example, ''
    body = b'{"id": "evt_1"}'
    yield 'stripe', STRIPE_TIME, SECRET, body, stripe(body), ''
    for form, *example in TWILIO_FORM, TWILIO_JSON:
        yield form, 0, *example
    yield ('mailgun', MAILGUN_TIME, SECRET, mailgun(), {}, '')
    yield 'gitlab', 0, SECRET, b'{}', {'x-gitlab-token': SECRET}, ''
    yield 'microsoft', 0, SECRET, json.dumps({'value': [
        {'clientState': SECRET}, {'clientState': SECRET}]}).encode(), {}, ''


#: Forms whose signature does not cover the body.
UNCOVERED = ('gitlab', 'mailgun', 'microsoft')


class TestPublished(SignatureTest):
    def test_examples(self):
        for form, now, secret, body, headers, url in examples():
            self.set_time(now)
            self.check_accepted(form, [secret], headers, body, url)

    def test_every_form_has_an_example(self):
        self.assertEqual(set(signatures.FORMS),
                         {form for form, *_ in examples()})

    def test_changed_bodies_are_refused(self):
        for form, now, secret, body, headers, url in examples():
            if form in UNCOVERED:
                continue
            self.set_time(now)
            for changed in (b'', body + b' ', body[:-1], body.upper()):
                if changed != body:
                    self.check_refused('signature', form, [secret], headers,
                                       changed, url)

    def test_other_secrets_are_refused(self):
        wrong = STANDARD[0].replace('M', 'N')
        for form, now, _, body, headers, url in examples():
            self.set_time(now)
            self.check_refused('signature', form, [wrong], headers, body, url)

    def test_any_of_two_secrets_is_accepted(self):
        wrong = STANDARD[0].replace('M', 'N')
        for form, now, secret, body, headers, url in examples():
            self.set_time(now)
            self.check_accepted(form, [wrong, secret], headers, body, url)
            self.check_accepted(form, [secret, wrong], headers, body, url)

    def test_missing_headers_are_refused(self):
        for form, now, secret, body, headers, url in examples():
            self.set_time(now)
            for name in headers:
                less = {key: value for key, value in headers.items()
                        if key != name}
                self.check_refused('', form, [secret], less, body, url)
            if headers:
                self.check_refused(f'no signature of the form {form}', form,
                                   [secret], {}, body, url)

    def test_invalid_headers_are_refused(self):
        for form, now, secret, body, headers, url in examples():
            self.set_time(now)
            for name, value in headers.items():
                if name == 'content-type':
                    continue
                for wrong in ('', ' ', ',', '=', 'v1', 'sha256=', value[:-1],
                              value.upper() + 'A', '\xff', value + 'é',
                              'v0=' + value, '9' * 5000, '-1', '1e9', '0x1',
                              '١٥', value + 'x'):
                    self.check_refused('', form, [secret],
                                       dict(headers, **{name: wrong}), body,
                                       url)

    def test_signatures_of_other_forms_are_refused(self):
        for form, now, secret, body, _, url in examples():
            self.set_time(now)
            for other_form, _, _, _, headers, _ in examples():
                # Meta signs as GitHub does; two forms sign in the body.
                if other_form != form and {form, other_form} != {
                        'github', 'meta'} and form not in UNCOVERED:
                    self.check_refused('no signature', form, [secret], headers,
                                       body, url)


class TestTwilio(SignatureTest):
    def test_other_urls_are_refused(self):
        for form, secret, body, headers, url in TWILIO_FORM, TWILIO_JSON:
            for wrong in ('', url + '&x=1', url.replace('foo', 'Foo'),
                          url.replace('https', 'http'), 'https://['):
                self.check_refused('signature', form, [secret], headers, body,
                                   wrong)

    def test_ports_may_be_left_out(self):
        form, secret, body, headers, url = TWILIO_FORM
        for host in ('mycompany.com:443', 'mycompany.com:8443'):
            self.check_accepted(form, [secret], headers, body,
                                url.replace('mycompany.com', host))


class TestBodies(SignatureTest):
    """Signatures in the body."""

    def test_mailgun_forms(self):
        self.set_time(MAILGUN_TIME)
        fields = json.loads(mailgun())['signature']
        urlencoded = 'application/x-www-form-urlencoded'
        self.check_accepted(
            'mailgun', [SECRET], {'content-type': urlencoded},
            urllib.parse.urlencode(dict(fields, a='b')).encode())
        for wrong in (dict(fields, token='x'), dict(fields, timestamp='1'),
                      dict(fields, signature=''), {}, dict(fields, token=1)):
            self.check_refused('', 'mailgun', [SECRET], {}, json.dumps(
                {'signature': wrong}).encode())
        for body in (b'', b'[]', b'{', b'{"signature": []}', b'[' * 10000):
            self.check_refused('no signature', 'mailgun', [SECRET], {}, body)

    def test_every_notification_of_microsoft_counts(self):
        for states in ([], [SECRET, 'x'], [SECRET, None], [None], [[]]):
            body = json.dumps({'value': [
                {'clientState': state} for state in states]}).encode()
            self.check_refused('no signature', 'microsoft', [SECRET], {},
                               body)
        for body in (b'', b'{"value": 1}', b'{"value": [1]}'):
            self.check_refused('no signature', 'microsoft', [SECRET], {},
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
    def test_generated_secrets_are_no_options(self):
        """Choose secrets that commands accept behind ``--secret``."""
        with mock.patch.object(signatures.random, 'token_urlsafe',
                               side_effect=['-a', '--', 'b-']):
            self.assertEqual('b-', signatures.new_secret('github'))

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
