# SPDX-License-Identifier: Apache-2.0
"""Tests of the sources of code."""
