# SPDX-License-Identifier: Apache-2.0
"""Tests; the package of each kind says what belongs there.

``QINLING_TEST_SEED`` seeds everything random, so that a run can be repeated.
"""

import os
import random

random.seed(int(os.environ.get('QINLING_TEST_SEED', '0')))
