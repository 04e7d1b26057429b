# SPDX-License-Identifier: Apache-2.0
"""Sources of the code of functions.

A driver is a module with a class ``Driver``, which checks the code of a user
and returns the bytes for the engine.  Drivers know the package storage, and no
database, request or message bus.
"""
