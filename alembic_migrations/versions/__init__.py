# SPDX-License-Identifier: Apache-2.0
"""Migrations, named ``NNN_slug.py``."""
