# SPDX-License-Identifier: Apache-2.0

import os


def where():
    return os.path.relpath(__file__)
