# SPDX-License-Identifier: Apache-2.0
"""Test function for the image of a runtime: adds two numbers, and returns the
permissions of the process."""

import os
import sys


def main(first: int, second: int) -> dict:
    print('Adding.')
    return {'sum': first + second, 'uid': os.getuid(),
            'language': '%d.%d' % sys.version_info[:2],
            'capabilities': read_status('CapEff'),
            'privileges': read_status('CapPrm'),
            'no_new_privileges': read_status('NoNewPrivs'),
            'writable': [path for path in ('/', '/opt/qinling', '/usr', '/etc')
                         if is_writable(path)],
            'environment': sorted(os.environ)}


def read_status(name: str) -> int | None:
    """Return a line of ``/proc/self/status`` as a number."""
    with open('/proc/self/status') as lines:
        for line in lines:
            if line.startswith(name + ':'):
                return int(line.split()[1], 16)
    return None


def is_writable(path: str) -> bool:
    """Return whether the process can create files in a directory."""
    name = os.path.join(path, 'qinling-smoke-test')
    try:
        open(name, 'x').close()
    except OSError:
        return False
    os.unlink(name)
    return True
