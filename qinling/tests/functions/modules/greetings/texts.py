# SPDX-License-Identifier: Apache-2.0

def hello(name):
    return 'Good morning, %s' % name
