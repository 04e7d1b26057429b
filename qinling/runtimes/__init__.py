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

"""What runs inside a worker: the agent and one bootstrap per language.

``agent.py`` is the program of every worker; its parts are the ``agent_*``
modules beside it.  ``python.py`` (and later others) is a bootstrap: the
program of an executor, which loads the user's function once and calls it.

This directory is shown to a sandbox, or copied into an image, as it is.  So
nothing here may import the service or anything outside the standard library,
must run on Python 3.9, and may hold anything that a user must not read.
"""
