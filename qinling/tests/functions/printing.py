# SPDX-License-Identifier: Apache-2.0
"""Output in every way."""

import fcntl
import os
import subprocess
import sys
import threading
import time

print('printed by the import')


def several():
    print('one')
    sys.stderr.write('two\n')
    os.write(1, b'three\n')
    subprocess.run(['/bin/sh', '-c', 'echo four; echo five >&2'])
    print('six', end='')


def bytes_and_odd_text():
    os.write(1, b'\xff\xfe\n')
    print('\ud800')


def flood(megabytes):
    block = b'x' * 999999 + b'\n'
    for _ in range(megabytes):
        os.write(1, block)
    return megabytes


def close_descriptors():
    os.close(0)
    os.close(1)
    os.close(2)
    return 'closed'


def close_objects():
    sys.stdout.close()
    sys.stderr.close()
    return 'closed'


def replace_objects():
    sys.stdout = sys.stderr = None
    return 'replaced'


def detach_objects():
    sys.stdout.detach()
    return 'detached'


def plain():
    print('plain output')
    sys.stderr.write('plain error\n')
    return sys.stdin.read()


def print_later(wanted, done, text='printed between executions', size=0):
    """Print when the file ``wanted`` is there, then make another.

    :param size: bytes of the pipe, if not 0.
    """
    def later():
        while not os.path.exists(wanted):
            time.sleep(0.005)
        if size:
            fcntl.fcntl(1, 1031, size)  # F_SETPIPE_SZ
        print(text)
        with open(done, 'w'):
            pass

    threading.Thread(target=later, daemon=True).start()
    return 'started'
