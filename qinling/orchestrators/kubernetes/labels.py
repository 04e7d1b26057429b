# SPDX-License-Identifier: Apache-2.0
"""Labels of the objects of this driver: the record of all claims."""

_PREFIX = 'qinling.openstack.org/'

MANAGED = {'app.kubernetes.io/managed-by': 'qinling'}
SELECTOR = 'app.kubernetes.io/managed-by=qinling'

RUNTIME = _PREFIX + 'runtime'
FUNCTION = _PREFIX + 'function'
VERSION = _PREFIX + 'version'
BUILD = _PREFIX + 'build'
ENGINE = _PREFIX + 'engine'
#: Digest of the pod specification of a pool.
SPEC = _PREFIX + 'spec'

#: Present on pods without a network, with the value OFFLINE.
NETWORK, OFFLINE = _PREFIX + 'network', 'none'

#: Annotation: whether the cluster enforces the policies.
ENFORCEMENT = _PREFIX + 'enforcement'

STATE = _PREFIX + 'state'
#: Values of STATE: in a pool; claimed for a function; execution of an image.
IDLE, CLAIMED, IMAGE = 'idle', 'claimed', 'image'
