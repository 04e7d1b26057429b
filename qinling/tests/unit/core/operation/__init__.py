# SPDX-License-Identifier: Apache-2.0
"""Tests of guarded rollouts; no test starts a server."""
