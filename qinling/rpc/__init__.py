# SPDX-License-Identifier: Apache-2.0
"""Clients of the engines, and the forms of what they send.

Two ways lead to an engine: the message bus (:mod:`.bus`), and kept
connections (:mod:`.channel`), to the only engine (:mod:`.direct`) or to one
that :mod:`.router` chooses.  Both carry plain data to the same endpoint, so
:mod:`.verbs` has the verbs of both.  Nothing here runs, reads or
writes an execution.
"""
