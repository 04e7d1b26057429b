# SPDX-License-Identifier: Apache-2.0
"""Periodic tasks of one engine: heartbeat, leases, schedules, purges.

Each task is bounded; long work belongs to the background threads.
"""
