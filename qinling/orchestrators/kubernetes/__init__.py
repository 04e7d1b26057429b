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

"""Workers as pods of a Kubernetes cluster.

``driver`` is the contract; ``api`` the connection to the API server and
``view`` the picture of the cluster that watches keep; ``pools`` are
Deployments, ``claims`` takes pods out of them, ``images`` runs a pod for each
execution, ``engines`` knows which engines live and sweeps what dead ones
left; ``manifests`` writes objects and ``pods`` reads them; ``reach`` is the
way through the API server.  Labels on pods are the record of who serves
what; there is no second store.
"""

from qinling.orchestrators.kubernetes.driver import Driver

__all__ = ('Driver',)
