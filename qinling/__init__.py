# SPDX-License-Identifier: Apache-2.0
"""Qinling: Function-as-a-Service for OpenStack and for a single machine."""
