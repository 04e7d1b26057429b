# SPDX-License-Identifier: Apache-2.0
"""Storage of packages.

A driver is a module with a class ``Driver``, which knows bytes and keys, and
no functions, requests or database.
"""
