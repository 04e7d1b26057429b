# SPDX-License-Identifier: Apache-2.0
"""Running one execution: claim, attempts, calls of workers, completion.

Choosing and loading workers belongs to ``engine.workers``.
"""
