# SPDX-License-Identifier: Apache-2.0

import os

print('importing')
if os.path.exists('imported-before'):
    os.remove('imported-before')
else:
    with open('imported-before', 'w'):
        pass
    raise RuntimeError('not at the first time')


def main():
    return 'imported'
