# SPDX-License-Identifier: Apache-2.0
"""REST API: translates each request into one call of the core.

The package contains no SQL and no messages, and imports no module of the
engine.
"""
