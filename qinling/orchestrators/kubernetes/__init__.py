# SPDX-License-Identifier: Apache-2.0
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
