# SPDX-License-Identifier: Apache-2.0
"""Function that lists what its process, a child and a program have open."""

import os
import subprocess
import sys

# A template would have a channel of its own, so ask for what forbids one.
PID = os.getpid()
CODE = '''
import json, sys
sys.path.insert(0, %r)
import main
print(json.dumps(main.descriptors()))
'''


def descriptors():
    """Return the targets of the descriptors of this process."""
    links = []
    for name in os.listdir('/proc/self/fd'):
        try:
            links.append(os.readlink('/proc/self/fd/' + name))
        except FileNotFoundError:
            pass  # the descriptor of the listing
    return links


def read_agent():
    """Return the errors of reading what the agent has."""
    errors = {}
    for name in ('environ', 'mem', 'maps', 'fd/3', 'cwd/x', 'root/x'):
        try:
            with open('/proc/%d/%s' % (os.getppid(), name), 'rb') as file:
                errors[name] = repr(file.read(100))
        except OSError as error:
            errors[name] = type(error).__name__
    return errors


def main():
    command = [sys.executable, '-I', '-S', '-c',
               CODE % os.path.dirname(os.path.abspath(__file__))]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Without the care that the module subprocess takes.
        os.dup2(writing, 1)
        os.execv(command[0], command)
    os.close(writing)
    with os.fdopen(reading) as answer:
        executed = answer.read()
    os.waitpid(child, 0)
    return {'own': descriptors(), 'executed': executed,
            'child': subprocess.run(command, stdout=subprocess.PIPE).stdout
            .decode(),
            'agent': read_agent(), 'environment': dict(os.environ)}
