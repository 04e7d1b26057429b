# SPDX-License-Identifier: Apache-2.0
"""Contracts of the driver families, run against each driver."""
