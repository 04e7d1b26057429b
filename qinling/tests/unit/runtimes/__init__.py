# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent and of the bootstraps, with real processes."""
