# SPDX-License-Identifier: Apache-2.0
"""Workers of one engine: pools, loading of code, scaling, dependency builds.

Nothing here writes executions.
"""
