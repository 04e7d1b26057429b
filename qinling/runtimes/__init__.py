# SPDX-License-Identifier: Apache-2.0
"""Programs of a worker: the agent, and a bootstrap per language.

``agent.py`` is the program of every worker; the ``agent_*`` modules are its
parts.  A bootstrap, such as ``python.py``, is the program of an executor: it
loads the function of the user once, then calls the function.

Sandboxes show this directory, and images contain a copy.  So the modules
import neither the service nor other packages than the standard library, run on
Python 3.9, and contain no secrets.  Annotations need no import of ``typing``,
which is slow and large.
"""
