# SPDX-License-Identifier: Apache-2.0
"""Turning one message into work on a worker.

What the engine promises is written in ``doc/decisions``: the execution row
is the truth.  Only this package retries, and only this package talks to
workers.  No HTTP API and no tenancy here.
"""
