# SPDX-License-Identifier: Apache-2.0
"""JSON Schema 2020-12 for schemas and values of strangers.

A schema has no references to other documents and no cycles, its regular
expressions are those of RE2, and a validation has a budget of steps, so no
schema and no value takes long.  Pure code: no database and no function.
"""
