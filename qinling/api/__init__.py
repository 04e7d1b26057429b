# SPDX-License-Identifier: Apache-2.0
"""Turning a request into one call of the core.

No SQL, no bus and no workers here; nothing of the engine is imported.
"""
