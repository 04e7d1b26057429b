# SPDX-License-Identifier: Apache-2.0
"""What the conformance suite asks of every language, in Python."""

import os
import signal
import sys
import time

COUNT = 0


def main(*args, **kwargs):
    context = kwargs.pop('context')
    if args and not kwargs:
        return args[0]
    sent = dict(kwargs, __function_input=args[0]) if args else kwargs
    return BEHAVIOURS[sent.get('do', 'input')](sent, context)


def nothing(_sent, _context):
    pass


def unserialisable(_sent, _context):
    return {1, 2}


def log(_sent, _context):
    print('one')
    sys.stderr.write('two\n')
    os.write(2, 'thr\u00e9e'.encode())


def flood(sent, _context):
    for _ in range(sent['lines']):
        print('x' * 99)


def log_bytes(_sent, _context):
    os.write(1, b'\xff \x00 \xed\xa0\x80 \xf0\x9f\x98\x80 \x1b[1m\n')


def fail(sent, _context):
    raise ValueError(sent.get('reason', 'the reason'))


def deep(sent, _context):
    result = 0
    for _each in range(sent['size']):
        result = {'a': result} if sent.get('object') else [result]
    return result


def long_integer(sent, _context):
    return 10 ** sent['size']


def end(sent, _context):
    os._exit(sent['status'])


def kill(sent, _context):
    os.kill(os.getpid(), getattr(signal, sent['signal']))
    time.sleep(60)


def spin(_sent, _context):
    while True:
        pass


def hoard(_sent, _context):
    found = []
    while True:
        found.append(str(len(found)) * 1000)


def count(_sent, _context):
    global COUNT
    COUNT += 1
    return COUNT


def meet(sent, _context):
    open(sent['mine'], 'w').close()
    while not os.path.exists(sent['other']):
        time.sleep(0.005)
    return 'met'


BEHAVIOURS = {
    'input': lambda sent, _context: sent,
    'echo': lambda sent, _context: sent['value'],
    'context': lambda _sent, context: context['execution_id'],
    'long': lambda sent, _context: 'x' * sent['size'],
    'wait': lambda _sent, _context: time.sleep(60),
    'nothing': nothing, 'unserialisable': unserialisable, 'log': log,
    'flood': flood, 'fail': fail, 'end': end, 'kill': kill, 'spin': spin,
    'log_bytes': log_bytes, 'deep': deep, 'hoard': hoard, 'count': count,
    'meet': meet, 'long_integer': long_integer,
}
