# SPDX-License-Identifier: Apache-2.0
"""Tests, in one package per kind.

``QINLING_TEST_SEED`` seeds all random values, so a run can be repeated.
"""

import os
import random

random.seed(int(os.environ.get('QINLING_TEST_SEED', '0')))
