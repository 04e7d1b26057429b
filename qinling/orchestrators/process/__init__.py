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

"""Workers as sandboxed child processes on this machine.

``driver`` keeps the pools; ``worker`` is the life of one worker from its
socket to its end; ``plan`` says what a sandbox shows, ``launchers`` turn that
into the command of bubblewrap or of our own ``sandbox``; ``cgroups`` limits;
``languages`` is the table of runtimes.  Nothing here runs functions: that is
the agent's, see :mod:`qinling.runtimes`.
"""

from qinling.orchestrators.process.driver import Driver

__all__ = ('Driver',)
