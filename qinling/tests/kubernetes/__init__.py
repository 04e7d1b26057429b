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

"""A stand-in for a Kubernetes cluster, made in a moment.

It keeps to what the documentation of the Kubernetes API (1.36) promises, so
that a driver that works on it works on a real cluster, and a sloppy one fails
on it: an API server over HTTPS that keeps state (:mod:`.server`,
:mod:`.registry`, :mod:`.store`), the controllers that tests need
(:mod:`.controllers`), a scheduler, and a kubelet (:mod:`.kubelet`) that starts
containers as processes of this machine.  :class:`.cluster.Cluster` has it all
as a fixture.

Nothing here knows Qinling, but for the table of images in :mod:`.images`.
"""
