# SPDX-License-Identifier: Apache-2.0
"""Monitoring for operators: health checks, metrics and traces.

The package knows none of the monitored components; callers pass functions and
numbers.  Users see none of the data.
"""
