# SPDX-License-Identifier: Apache-2.0
"""Turning one message into work on a worker.

``doc/source/contributor/decisions`` describes the guarantees of the engine:
the execution row is the source of truth.  Only this package retries, and only this
package talks to workers.  No HTTP API and no tenancy here.
"""
