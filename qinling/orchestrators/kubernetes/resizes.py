# SPDX-License-Identifier: Apache-2.0
"""Sizes of claimed pods.

A pool has pods with small requests, and limits for the largest function.  A
claim asks the node for the size of the function.  The scheduler counts a
wish that the node does not grant, so such a wish is taken back.  The agent
limits memory independently.
"""

import logging

from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import background as backgrounds
from qinling.orchestrators.kubernetes import manifests as creators
from qinling.orchestrators.kubernetes import pods

LOG = logging.getLogger(__name__)


class Resizes:
    """Resizes of the pods of one engine; off until :attr:`can_resize`."""

    def __init__(self, api: apis.Api, background: backgrounds.Background,
                 manifests: creators.Manifests) -> None:
        self._api = api
        self._background = background
        self._manifests = manifests
        #: Whether the cluster can resize pods, and may.
        self.can_resize = False

    def request(self, name: str, limits: base.Limits, is_idle: bool = False
                ) -> None:
        """Ask for the size of a function; return immediately."""
        if self.can_resize:
            self._background.submit(
                self._patch, name,
                self._manifests.create_resize(limits, is_idle))

    def handle_change(self, old: apis.Resource | None, new: apis.Resource
                      ) -> None:
        """Take a wish back when a pod of this engine shows a refusal."""
        refusal = pods.find_pending_resize(new)
        if not refusal or old and pods.find_pending_resize(old):
            return
        body = pods.create_resize_back(new)
        if body is not None:
            name = pods.get_name(new)
            LOG.info('Taking the resize of pod %s back: %s', name, refusal)
            self._background.submit(self._patch, name, body)

    def _patch(self, name: str, body: apis.Resource) -> None:
        try:
            self._api.call(self._api.core.patch_namespaced_pod_resize, name,
                           self._api.namespace, body)
        except (apis.Rejected, apis.Unreachable) as e:
            LOG.info('Could not resize pod %s: %s', name, e)
