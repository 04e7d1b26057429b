# SPDX-License-Identifier: Apache-2.0
"""The labels of what is ours: the record of who serves what."""

_PREFIX = 'qinling.openstack.org/'

MANAGED = {'app.kubernetes.io/managed-by': 'qinling'}
SELECTOR = 'app.kubernetes.io/managed-by=qinling'

RUNTIME = _PREFIX + 'runtime'
FUNCTION = _PREFIX + 'function'
VERSION = _PREFIX + 'version'
BUILD = _PREFIX + 'build'
ENGINE = _PREFIX + 'engine'
#: Of which description of the pool a pod was made.
SPEC = _PREFIX + 'spec'

STATE = _PREFIX + 'state'
#: Values of STATE: in a pool; serves a function; an execution of an image.
IDLE, CLAIMED, IMAGE = 'idle', 'claimed', 'image'
