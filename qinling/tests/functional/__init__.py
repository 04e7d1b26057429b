# SPDX-License-Identifier: Apache-2.0
"""Tests of real processes over HTTP, through the REST API only."""
