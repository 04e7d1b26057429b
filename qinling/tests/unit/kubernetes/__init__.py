# SPDX-License-Identifier: Apache-2.0
"""Tests of the stand-in for Kubernetes, by the official client: whether it
does what the documentation of the API says.  No tests of Qinling here."""
