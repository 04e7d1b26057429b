# SPDX-License-Identifier: Apache-2.0
"""User functions as test material: what a module here holds is packed as
``main.py``, and what a directory holds as it is.

Nothing here is imported by a test; see
:func:`qinling.tests.unit.runtimes.agents.package`.
"""
