# SPDX-License-Identifier: Apache-2.0
"""Tests of the Python client and the commands, without a server."""
