# SPDX-License-Identifier: Apache-2.0
"""Engine: messages become executions on workers.

``doc/source/contributor/decisions`` describes the guarantees of the engine:
the execution row is the source of truth.  Only this
package retries, and only this package talks to workers.  HTTP and tenancy do
not belong here.
"""
