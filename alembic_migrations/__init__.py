# SPDX-License-Identifier: Apache-2.0
"""Migrations of the database, in ``versions``, one file per migration.

``qinling-db-manage`` and the start of ``qinling-standalone`` run migrations.
Released migrations never change.
"""
