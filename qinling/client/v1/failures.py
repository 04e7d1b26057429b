# SPDX-License-Identifier: Apache-2.0
"""Failures: groups of failed executions, addressed by their fingerprint."""

from qinling.client.v1 import base


class Failures(base.Collection):
    """Groups of executions that failed in the same way."""

    path = 'failures'
    key = 'failures'
    noun = 'Failure'
