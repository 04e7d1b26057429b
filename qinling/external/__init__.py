# SPDX-License-Identifier: Apache-2.0
"""Clients of other OpenStack services: Keystone and Swift.

Only this package calls these services, with keystoneauth1.  The modules know
no functions, no package storage and no database.  Errors are
``TemporaryError`` (the service does not answer) or ``PermanentError`` (the
service refuses), with a sentence.
"""
