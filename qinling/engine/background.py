# SPDX-License-Identifier: Apache-2.0
"""Background threads of an engine, for work without a waiting caller."""

from collections.abc import Callable
from concurrent import futures

from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)

MAX_THREADS = 8


class Background:
    """Runs calls in the background and logs their failures."""

    def __init__(self) -> None:
        self._threads = futures.ThreadPoolExecutor(MAX_THREADS, 'background')

    def submit(self, action: Callable[..., object], *args: object
               ) -> 'futures.Future[None]':
        """Call ``action(*args)`` in a thread.

        :raises Unavailable: the engine stops.
        """
        try:
            return self._threads.submit(self._run, action, *args)
        except RuntimeError:
            raise exception.Unavailable(reason='the engine is stopping.')

    def _run(self, action: Callable[..., object], *args: object) -> None:
        name = getattr(action, '__qualname__', repr(action))
        try:
            action(*args)
        except (exception.TemporaryError, exception.PermanentError,
                exception.Unavailable) as e:
            LOG.warning('Could not finish %s: %s', name, e)
        except Exception:
            LOG.exception('Could not finish %s.', name)

    def stop(self) -> None:
        """Cancel the calls that have not started."""
        self._threads.shutdown(wait=False, cancel_futures=True)
