# SPDX-License-Identifier: Apache-2.0
"""Faults of an API server, on demand."""

import dataclasses
import threading

from qinling.tests.kubernetes import errors


@dataclasses.dataclass
class Fault:
    """Single fault: ``action`` is ``status``, ``reset`` or ``delay``; with
    ``after`` the request has an effect all the same; ``times`` is the number
    of remaining uses, ``None`` for always."""

    action: str
    match: dict
    error: errors.ApiError = None
    seconds: float = 0
    after: bool = False
    times: int = 1
    met: int = 0

    def matches(self, call):
        return all(getattr(call, name) == value
                   for name, value in self.match.items())


class Faults:
    """Planned faults.

    The fields of :class:`.routes.Call` select the requests of a fault, such as
    ``verb='patch', resource='pods'``; no fields select every request.
    """

    def __init__(self):
        self._faults = []
        self._lock = threading.Lock()

    def status(self, code, times=1, after=False, **match):
        """Answer with a status; ``times=None`` lasts until :meth:`clear`."""
        error = (errors.internal() if code == 500 else errors.ApiError(
            code, {503: 'ServiceUnavailable', 504: 'Timeout',
                   409: 'Conflict', 403: 'Forbidden'}.get(code, 'Unknown'),
            'injected'))
        return self._add(Fault('status', match, error, times=times,
                               after=after))

    def too_many(self, retry_after=1, times=1, **match):
        """Answer 429 with ``Retry-After``."""
        return self._add(Fault('status', match, errors.too_many(
            retry_after=retry_after), times=times))

    def reset(self, times=1, after=False, **match):
        """Reset the connection instead of an answer."""
        return self._add(Fault('reset', match, times=times, after=after))

    def delay(self, seconds, times=1, **match):
        """Delay the answer."""
        return self._add(Fault('delay', match, seconds=seconds, times=times))

    def remove(self, fault):
        """End one fault."""
        with self._lock:
            self._faults.remove(fault)

    def clear(self):
        with self._lock:
            self._faults.clear()

    def pop_fault(self, call):
        """Return the fault for a call, or ``None``."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(call):
                    fault.met += 1
                    if fault.times is not None:
                        fault.times -= 1
                        if not fault.times:
                            self._faults.remove(fault)
                    return fault
        return None

    def _add(self, fault):
        with self._lock:
            self._faults.append(fault)
        return fault
