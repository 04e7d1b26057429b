# SPDX-License-Identifier: Apache-2.0
"""Attacks from an executor without a template, however slow its import."""

import os

from main import main  # noqa: F401
from main import several  # noqa: F401

# A fork would keep the pid.
PID = os.getpid()
