# SPDX-License-Identifier: Apache-2.0

def main(name='World', **kwargs):
    print('Hello is called')
    return 'Hello, %s' % name
