# SPDX-License-Identifier: Apache-2.0
"""Errors of the engine as answers on the message bus."""

from oslotest import base

from qinling import exception
from qinling import message_bus
from qinling.rpc import verbs

ExpectedException = message_bus.oslo_messaging.ExpectedException


class _Endpoint:
    def start(self, error, *, sentence='busy'):
        """Fail, or answer."""
        if error is not None:
            raise error(reason=sentence)
        return sentence


class TestReceiver(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.receiver = message_bus.Receiver(_Endpoint())

    def test_answers(self):
        self.assertEqual('free', self.receiver.start(None, sentence='free'))

    def test_refusals_are_expected(self):
        for error in (exception.Unavailable, verbs.NotAnswered):
            expected = self.assertRaises(
                ExpectedException, self.receiver.start, error)
            kind, value, _traceback = expected.exc_info
            # Clients may decode only the errors of one module.
            self.assertIs(exception.Unavailable, kind)
            self.assertEqual(str(error(reason='busy')), str(value))

    def test_other_errors_are_failures(self):
        self.assertRaises(exception.Invalid, self.receiver.start,
                          exception.Invalid)

    def test_unknown_methods(self):
        self.assertFalse(hasattr(self.receiver, 'unknown'))
