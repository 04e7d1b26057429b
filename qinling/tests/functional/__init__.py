# SPDX-License-Identifier: Apache-2.0
"""Tests of real processes over HTTP: they know the REST API and nothing of
the code behind it.
"""
