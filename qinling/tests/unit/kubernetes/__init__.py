# SPDX-License-Identifier: Apache-2.0
"""Tests of the stand-in for Kubernetes against the documentation of the API,
with the official client.  Tests of Qinling are elsewhere."""
