# SPDX-License-Identifier: Apache-2.0
"""Parts of the driver that its other parts use."""

import dataclasses

from qinling.orchestrators.kubernetes import api
from qinling.orchestrators.kubernetes import background
from qinling.orchestrators.kubernetes import engines
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import pools
from qinling.orchestrators.kubernetes import resizes
from qinling.orchestrators.kubernetes import room
from qinling.orchestrators.kubernetes import transport
from qinling.orchestrators.kubernetes import view


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Access to a namespace of a cluster.

    ``proxy`` is ``None`` where engines connect to pods directly.
    """

    api: api.Api
    background: background.Background
    manifests: manifests.Manifests
    view: view.View
    engines: engines.Engines
    pools: pools.Pools
    room: room.Room
    resizes: resizes.Resizes
    proxy: transport.Proxy | None
