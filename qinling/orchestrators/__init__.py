# SPDX-License-Identifier: Apache-2.0
"""Where workers live: one module or package for each kind of place.

``base.py`` is the contract.  A driver starts, claims and destroys workers;
it knows no function, execution, database, request or message bus.
"""
