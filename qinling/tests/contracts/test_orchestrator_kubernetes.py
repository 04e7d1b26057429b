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

from oslotest import base

from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.contracts import test_orchestrator


class TestStandIn(kubernetes_drivers.StandIn,
                  test_orchestrator.OrchestratorContract, base.BaseTestCase):
    """On the stand-in, by the addresses of pods."""


class TestStandInByProxy(TestStandIn):
    """On the stand-in, through the API server."""

    options = dict(kubernetes_drivers.FAST, reach='proxy')


class TestCluster(kubernetes_drivers.Real,
                  test_orchestrator.OrchestratorContract, base.BaseTestCase):
    """On the cluster that the environment names."""
