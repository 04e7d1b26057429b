# SPDX-License-Identifier: Apache-2.0
"""Built-in functions that a terminal needs, or that module site provides."""

from __future__ import annotations

import _thread
import builtins
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from typing import NoReturn

NO_INPUT = ('A function has no standard input: input() cannot read; take the '
            'input of the execution as parameters.')
NO_DEBUGGER = ('A function has no terminal for a debugger: breakpoint() '
               'cannot stop here.')


DEFAULT_STACK_BYTES = 8 << 20  # of a thread, if stacks are unlimited
STARTERS = ('start_new_thread', 'start_new', 'start_joinable_thread')


class ThreadStarter:
    """Function that starts a thread, with memory for the stack.

    The agent limits the memory that a process reserves.  The stack of a
    thread, which is hardly used, comes on top.

    :param name: name of the function in module _thread.
    """

    most_threads = 0

    def __init__(self, name: str) -> None:
        self._start = getattr(_thread, name)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        number = _thread._count() + 1
        if number > ThreadStarter.most_threads:
            ThreadStarter.most_threads = number
            allow_stack()
        return self._start(*args, **keywords)


def allow_stack() -> None:
    """Raise the soft limit of reserved memory by the stack of a thread."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    stack = (_thread.stack_size()
             or resource.getrlimit(resource.RLIMIT_STACK)[0])
    if stack == resource.RLIM_INFINITY:
        stack = DEFAULT_STACK_BYTES
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_DATA,
                           (min(soft + stack, hard), hard))


class Quitter:
    """Function ``exit`` or ``quit`` of module site."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return 'Use %s() to exit' % self.name

    def __call__(self, code: Any = None) -> NoReturn:
        raise SystemExit(code)


def refuse_input(_prompt: object = '') -> NoReturn:
    """Raise the error of an ended standard input, with a sentence."""
    raise EOFError(NO_INPUT)


def refuse_breakpoint(*_args: Any, **_keywords: Any) -> NoReturn:
    """Raise the error of a reached breakpoint."""
    raise RuntimeError(NO_DEBUGGER)


def install() -> None:
    """Install the functions."""
    for name in STARTERS:
        if hasattr(_thread, name):
            setattr(_thread, name, ThreadStarter(name))
    for name in ('exit', 'quit'):
        setattr(builtins, name, Quitter(name))
    builtins.input = refuse_input
    sys.breakpointhook = refuse_breakpoint
