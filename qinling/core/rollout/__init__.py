# SPDX-License-Identifier: Apache-2.0
"""Guarded rollouts: an alias moves to a version in steps, under guards.

The statistics and decisions are pure functions here; the writes are one
compare-and-swap per turn.  Nothing here runs executions.
"""
