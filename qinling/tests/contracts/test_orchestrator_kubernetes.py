#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""The contract of orchestrators over Kubernetes."""

import fixtures
from oslotest import base

from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.contracts import test_orchestrator
from qinling.tests.kubernetes import cluster


class TestStandIn(kubernetes_drivers.StandIn,
                  test_orchestrator.OrchestratorContract, base.BaseTestCase):
    """On the stand-in, by the addresses of pods."""


class TestCluster(kubernetes_drivers.Real,
                  test_orchestrator.OrchestratorContract, base.BaseTestCase):
    """On the cluster that the environment names."""


class TestStandInAsCluster(TestCluster):
    """On the stand-in, named by the environment as any cluster can be; its
    workers are reached through the API server."""

    def setUp(self):
        stand_in = self.useFixture(cluster.Cluster())
        for name, value in (
                (kubernetes_drivers.KUBECONFIG, stand_in.admin_kubeconfig),
                (kubernetes_drivers.IMAGE,
                 ','.join(kubernetes_drivers.IMAGES))):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        super().setUp()
