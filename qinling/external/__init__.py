# SPDX-License-Identifier: Apache-2.0
"""The other OpenStack services: Keystone and Swift.

Only what is here talks to them, with keystoneauth1.  It knows requests and
answers, and nothing of functions, of storage or of the database.  What goes
wrong is ``TemporaryError`` (a service does not answer) or ``PermanentError``
(it refuses), with a sentence.
"""
