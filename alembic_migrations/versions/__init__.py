# SPDX-License-Identifier: Apache-2.0
"""The steps, named ``NNN_slug.py``."""
