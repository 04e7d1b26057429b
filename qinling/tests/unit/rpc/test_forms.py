# SPDX-License-Identifier: Apache-2.0
"""Forms of values on the message bus."""

import datetime
import json

from oslotest import base

from qinling.core.execution import outcomes
from qinling.core import targets
from qinling.rpc import forms
from qinling.tests.unit.engine import base as engine_base

TIME = datetime.datetime(2026, 1, 1, 12, 30, 15, 250000)


class TestEnded(base.BaseTestCase):
    def send(self, value):
        return forms.decode_ended(json.loads(json.dumps(value)))

    def test_all_figures_arrive(self):
        for ended in (
                outcomes.Ended('success', '1', None, TIME, TIME, 1.5, 0, 9),
                outcomes.Ended('error', None, 'platform', TIME), None):
            self.assertEqual(ended, self.send(forms.encode_ended(ended)))

    def test_engines_of_the_last_release_send_no_figures(self):
        self.assertEqual(
            outcomes.Ended('success', '1', None, TIME),
            self.send({'status': 'success', 'result': '1', 'reason': None,
                       'updated_at': TIME.isoformat()}))


class TestTarget(base.BaseTestCase):
    def test_engines_of_the_last_release_get_only_what_they_know(self):
        self.assertNotIn('offline', forms.encode_target(
            engine_base.target()))

    def test_no_engine_runs_offline_targets_with_a_network(self):
        target = engine_base.target(offline=True)
        self.assertTrue(targets.Target(
            **forms.encode_target(target)).offline)
