# SPDX-License-Identifier: Apache-2.0
"""Tests of the parts of ``http_basic``."""
