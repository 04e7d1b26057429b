# SPDX-License-Identifier: Apache-2.0
"""What the image of a runtime is tested with: it adds, and tells what it is
allowed to do."""

import os
import sys


def main(one, two):
    print('Adding.')
    return {'sum': one + two, 'uid': os.getuid(),
            'language': '%d.%d' % sys.version_info[:2],
            'capabilities': status('CapEff'), 'privileges': status('CapPrm'),
            'no_new_privileges': status('NoNewPrivs'),
            'writable': [path for path in ('/', '/opt/qinling', '/usr', '/etc')
                         if writable(path)],
            'environment': sorted(os.environ)}


def status(name):
    """A line of what the kernel says about this process, as a number."""
    with open('/proc/self/status') as lines:
        for line in lines:
            if line.startswith(name + ':'):
                return int(line.split()[1], 16)


def writable(path):
    """Whether a file can be made in a directory."""
    name = os.path.join(path, 'qinling-smoke-test')
    try:
        open(name, 'x').close()
    except OSError:
        return False
    os.unlink(name)
    return True
