# SPDX-License-Identifier: Apache-2.0
"""The contract of orchestrators over Kubernetes."""

import fixtures
from oslotest import base

from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.contracts import test_orchestrator
from qinling.tests.kubernetes import cluster
from qinling.tests import runtime_images


class TestStandIn(kubernetes_drivers.StandIn,
                  test_orchestrator.OrchestratorContract, base.BaseTestCase):
    """Contract tests on the stand-in, by the addresses of pods."""


class TestCluster(kubernetes_drivers.Real,
                  test_orchestrator.OrchestratorContract, base.BaseTestCase):
    """Contract tests on the cluster from the environment."""


class TestStandInAsCluster(TestCluster):
    """Contract tests on the stand-in, configured by the environment.

    Workers are reached through the API server.
    """

    def setUp(self):
        stand_in = self.useFixture(cluster.Cluster())
        runtime_images.add_images(stand_in)
        for name, value in (
                (kubernetes_drivers.KUBECONFIG, stand_in.admin_kubeconfig),
                (kubernetes_drivers.IMAGE,
                 ','.join(kubernetes_drivers.IMAGES))):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        super().setUp()
