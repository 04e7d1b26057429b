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
