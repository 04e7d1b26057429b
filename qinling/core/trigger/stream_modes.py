# SPDX-License-Identifier: Apache-2.0
"""Streams of webhooks: whether senders get an output as it is yielded."""

#: At the end; in parts; in parts, and a sender that leaves cancels.
OFF, CONTINUE, CANCEL = 'off', 'continue', 'cancel'
MODES = (OFF, CONTINUE, CANCEL)
