# SPDX-License-Identifier: Apache-2.0
"""What runs inside a worker: the agent and one bootstrap per language.

``agent.py`` is the program of every worker; its parts are the ``agent_*``
modules beside it.  ``python.py`` (and later others) is a bootstrap: the
program of an executor, which loads the user's function once and calls it.

This directory is shown to a sandbox, or copied into an image, as it is.  So
nothing here may import the service or anything outside the standard library,
must run on Python 3.9, and may hold anything that a user must not read.
"""
