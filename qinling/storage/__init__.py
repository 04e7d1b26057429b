# SPDX-License-Identifier: Apache-2.0
"""Where package bytes lie.

A driver is one module with a class ``Driver``; it knows bytes and keys, and
nothing of functions, requests or the database.
"""
