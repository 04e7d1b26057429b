# SPDX-License-Identifier: Apache-2.0

import time

time.sleep(600)
