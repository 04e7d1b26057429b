# SPDX-License-Identifier: Apache-2.0
"""Orchestrator of workers as pods of a Kubernetes cluster.

``driver`` implements the contract.  ``api`` is the connection to the API
server; ``view`` mirrors the cluster by watches.  ``pools`` are Deployments;
``claims`` moves pods out of pools; ``images`` runs a pod per execution;
``engines`` tracks live engines and deletes orphaned pods.  ``manifests`` and
``network`` create objects; ``pods`` reads pods; ``transport`` connects to
agents through the API server.  Labels of pods are the only record of claims.
"""

from qinling.orchestrators.kubernetes.driver import Driver

__all__ = ('Driver',)
