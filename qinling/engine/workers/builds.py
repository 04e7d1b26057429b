# SPDX-License-Identifier: Apache-2.0
"""Installing what functions depend on, on workers of its own."""

from concurrent import futures
import functools
import hashlib
import io
import platform
import threading
import time

from oslo_log import log

from qinling.core.function import builds as rows
from qinling.core import targets
from qinling.engine.run import invoker
from qinling.engine.workers import installer
from qinling import exception
from qinling.states import BuildStatus

LOG = log.getLogger(__name__)

#: Seconds between two looks at what another engine installs.
POLL = 0.5


class Builds:
    """The builds of one engine.

    :param calls: an :class:`.invoker.Invoker`.
    :param code: a :class:`qinling.core.services.Code`.
    :param owner: the engine's name.
    """

    def __init__(self, conf, db, orchestrator, calls, code, owner):
        self._conf = conf
        self._db = db
        self._orchestrator = orchestrator
        self._installer = installer.Installer(
            conf, orchestrator, calls, code)
        self._code = code
        self._owner = owner
        self._lock = threading.Lock()
        self._running = {}  # id -> Future
        self._settled = set()  # ids that nobody has to wait for any more
        self._threads = futures.ThreadPoolExecutor(
            conf.build.max_concurrent, 'build')

    def begin(self, alone):
        """Look at what an engine that is gone has left, if there is no
        other."""
        if alone:
            rows.give_up(self._db)

    def end(self):
        """Leave to others what is not done."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        rows.give_up(self._db, self._owner)

    def purge(self):
        """Remove what nobody needs."""
        rows.purge(self._db, self._code.packages, self._conf.build.keep)

    def runtime(self, target):
        """See :func:`qinling.core.targets.runtime`."""
        if not target.version:
            return target.runtime_id
        return self._db.read(lambda tx: targets.runtime(tx, target))

    def install(self, target):
        """Have the dependencies of a target installed, also if that failed
        before; returns at once."""
        id = self._id(target)
        rows.forget(self._db, id, BuildStatus.FAILED)
        self._submit(id, target)

    def ready(self, target):
        """What the target depends on, as storage keys of ZIP archives: one
        or none.  It is waited for.

        :raises PermanentError: it could not be installed, or not in time.
        """
        needed = target.code.get('dependencies')
        if not needed:
            return []
        id = self._id(target)
        row = self._ended(id, target, self._conf.engine.queue_timeout)
        if row is None:
            raise _explained(target, 'are not installed yet')
        if row.status == BuildStatus.FAILED:
            raise _explained(target, 'could not be installed')
        rows.use(self._db, row)
        return [row.package]

    def settle(self, target, given_up):
        """Wait until what the target depends on is installed or cannot be,
        as long as an installation may take: nobody waits for what runs then.

        :param given_up: whether there is no need to wait any more.
        """
        if not target.code.get('dependencies'):
            return
        id = self._id(target)
        if id in self._settled:
            return
        self._ended(id, target, self._conf.build.timeout + installer.MARGIN,
                    given_up)
        if not given_up():
            self._settled.add(id)

    def check(self, installed):
        """Have installed anew what is not in the storage any more.

        :param installed: keys that :meth:`ready` has returned.
        """
        for key in installed:
            try:
                self._code.packages.open(key).close()
            except FileNotFoundError:
                LOG.error('What was installed as %s is gone.', key)
                rows.lose(self._db, key)

    def _ended(self, id, target, limit, given_up=None):
        """The row of a build that has ended; ``None`` if it has not in
        ``limit`` seconds, or when nobody waits any more."""
        deadline = time.monotonic() + limit
        while given_up is None or not given_up():
            row = rows.find(self._db, id)
            if row is not None and row.status != BuildStatus.BUILDING:
                return row
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._wait(id, target, row,
                       left if given_up is None else min(left, POLL))
        return None

    def _wait(self, id, target, row, left):
        with self._lock:
            running = self._running.get(id)
        if running is None and row is None:
            running = self._submit(id, target)
        if running is not None:
            futures.wait([running], left)
        else:
            time.sleep(min(POLL, left))

    def _submit(self, id, target):
        with self._lock:
            if id not in self._running:
                self._running[id] = self._threads.submit(
                    self._build, id, target)
            return self._running[id]

    def _id(self, target):
        """A hash of all that the result depends on."""
        options, needed = self._conf.build, target.code['dependencies']
        machine = self._orchestrator.describe()
        return hashlib.sha256(repr((
            needed['kind'], needed['sha256'], options.allow_source_builds,
            *(installer.CREDENTIALS.sub('//', url or '') for url in (
                options.index_url, options.npm_registry)),
            options.pip_options, platform.machine(),
            machine.get('interpreter'), machine.get('languages'),
        )).encode()).hexdigest()

    def _build(self, id, target):
        needed = target.code['dependencies']
        try:
            if not rows.claim(self._db, id, needed, self._owner,
                              self._conf.build.timeout + installer.MARGIN):
                return
            LOG.info('Build %s (%s) begins.', id, needed['kind'])
            self._conclude(id, functools.partial(
                self._installer.run, id, target))
        except exception.Unavailable as e:
            LOG.warning('Build %s is left to its lease: %s', id, e)
        finally:
            with self._lock:
                self._running.pop(id, None)

    def _conclude(self, id, run):
        """Write down how a build ended."""
        try:
            package, text = run()
        except installer.Failed as e:
            self._failed(id, str(e), e.log)
        except exception.PermanentError as e:
            self._failed(id, f'No worker can install it: {e}.', '')
        except (exception.TemporaryError, invoker.Lost,
                invoker.NotSent) as e:
            # The next one who needs it tries again.
            LOG.warning('Build %s was not made: %s', id, e)
            rows.forget(self._db, id, BuildStatus.BUILDING)
        except Exception:
            LOG.exception('Build %s met an unexpected fault.', id)
            self._failed(id, 'An internal fault of the service; see its '
                             'log.', '')
        else:
            self._ready(id, package, text)

    def _failed(self, id, sentence, text):
        LOG.warning('Build %s failed: %s', id, sentence)
        rows.end(self._db, id, self._owner, BuildStatus.FAILED,
                 status_reason=sentence, log=text)

    def _ready(self, id, package, text):
        stored = self._code.packages.put(io.BytesIO(package))
        with self._code.packages.kept(stored.key):
            if not rows.end(self._db, id, self._owner, BuildStatus.READY,
                            package=stored.key, size=stored.size, log=text):
                self._code.packages.drop(stored.key)


def _explained(target, what):
    path = f'/v1/functions/{target.function_id}'
    if target.version:
        path += f'/versions/{target.version}'
    return exception.PermanentError(
        f'its dependencies {what}; GET {path}/build says more')
