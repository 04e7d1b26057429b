# SPDX-License-Identifier: Apache-2.0
"""Private part of oslo.middleware that the health checks use.

After an upgrade that breaks the test, see :mod:`qinling.telemetry.health`.
"""

import threading
from unittest import mock

from oslo_middleware import healthcheck
from oslo_middleware.healthcheck import pluginbase
from oslotest import base
import webob

from qinling.telemetry import health
from qinling.tests import fixtures


class TestBackends(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(fixtures.Conf()).conf

    def test_private_list_of_checks(self):
        """Replace the checks of a request with the private ``_backends``."""
        app = healthcheck.Healthcheck(None, self.conf)
        self.assertEqual([], list(app._backends))
        check = mock.Mock()
        check.obj.healthcheck.return_value = pluginbase.HealthcheckResult(
            available=False, reason='broken')
        app._backends = [check]
        answer = webob.Request.blank('/').get_response(app)
        self.assertEqual(503, answer.status_int)
        check.obj.healthcheck.assert_called_once_with(80)

    def test_configured_checks_remain(self):
        path = self.create_tempfiles([('away', '')])[0]
        self.conf.register_opts(
            healthcheck.opts.HEALTHCHECK_OPTS, group='healthcheck')
        self.conf.register_opts(
            healthcheck.opts.DISABLE_BY_FILE_OPTS, group='healthcheck')
        self.conf.set_override(
            'backends', ['disable_by_file'], group='healthcheck')
        self.conf.set_override(
            'disable_by_file_path', path, group='healthcheck')
        app = health.Health(self.conf, {'database': bool})
        answer = webob.Request.blank(health.READY).get_response(app)
        self.assertEqual(503, answer.status_int)
        self.assertEqual(['DISABLED BY FILE', 'database: OK'],
                         answer.json['reasons'])


class TestHangingDependency(base.BaseTestCase):
    """Checks of a dependency that never answers."""

    def test_answer_is_bounded(self):
        release, started = threading.Event(), []

        def hang():
            started.append(None)
            release.wait()
        self.addCleanup(release.set)
        self.patch(health, 'MAX_WAIT_SECONDS', 0.05)
        conf = self.useFixture(fixtures.Conf()).conf
        app = health.Health(conf, {'database': hang, 'message bus': bool})
        for _ in range(3):
            answer = webob.Request.blank(health.READY).get_response(app)
            self.assertEqual(503, answer.status_int)
            self.assertEqual(['database: not reachable', 'message bus: OK'],
                             answer.json['reasons'])
        # Checks that hang do not pile up.
        self.assertEqual(1, len(started))
