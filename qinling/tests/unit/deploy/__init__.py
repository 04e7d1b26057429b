# SPDX-License-Identifier: Apache-2.0
"""Tests of manifests and images for operators, without a cluster or a builder.
"""
