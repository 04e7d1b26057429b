# SPDX-License-Identifier: Apache-2.0
"""The migrations of the database, in ``versions``, one file a step.

They run through ``qinling-db-manage`` and at the start of
``qinling-standalone``.  A step that was released is never edited.
"""
