# SPDX-License-Identifier: Apache-2.0
"""Every way to fail."""

import ctypes
import os
import signal
import sys
import time


class NameOnly(Exception):
    pass


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError('no words')


def raise_error():
    print('about to fail')
    deeper()


def deeper():
    raise ValueError('the reason')


def raise_chained():
    try:
        deeper()
    except ValueError as error:
        raise KeyError('second') from error


def raise_without_text():
    raise NameOnly()


def raise_unspeakable():
    raise Unspeakable()


def raise_long():
    raise ValueError('\u1234' * 5000000)


def leave(code):
    sys.exit(code)


def interrupt():
    raise KeyboardInterrupt()


def end_process(code):
    print('no line end', end='')
    os._exit(code)


def signal_self(name):
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(60)


def crash():
    ctypes.string_at(0)


def sleep(seconds):
    print('sleeping', end='')
    time.sleep(seconds)
    return seconds


def spin():
    while True:
        pass


def allocate(mib):
    data = bytearray(mib << 20)
    data[::4096] = b'x' * len(data[::4096])
    return len(data)


HOARD = []


def hoard():
    while True:
        HOARD.append('x' * 100000 + str(len(HOARD)))


def open_files():
    return [open('/dev/null') for _ in range(100000)]


def recurse():
    return recurse()


def write_large_file():
    with open('large', 'wb') as target:
        target.seek(1 << 31)
        target.write(b'x')


def wrong_arguments(needed):
    return needed


not_callable = 5
