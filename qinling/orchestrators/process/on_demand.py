# SPDX-License-Identifier: Apache-2.0
"""Workers on this machine without pools: a claim starts a worker.

For programs that need one worker, and whose user waits for the end: nothing
starts beside that worker.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import threading

from oslo_config import cfg

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.process import cgroups
from qinling.orchestrators.process import cpu_throttle
from qinling.orchestrators.process import directories
from qinling.orchestrators.process import index_proxy
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import sandbox_selection
from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import worker as workers
from qinling.orchestrators.process import worker_end


class OnDemand:
    """Source of workers of one image, with the sandbox of :class:`.Driver`.

    :param conf: a configuration with the groups ``process`` and ``build``.
    :param directory: path of the private directory of this object.
    :param image: image of the workers that install nothing.
    :raises PermanentError: this machine does not have the image.
    """

    def __init__(self, conf: cfg.ConfigOpts, directory: str, image: str
                 ) -> None:
        self._conf = conf
        self._image = image
        self._processes: dict[str, workers.Process] = {}
        self._closing = threading.Event()
        self._interpreters = languages.find_interpreters(
            conf.process, (image,))
        self._interpreters.bootstrap_command(image, '')
        spec = sandbox_spec.create_spec(conf, self._interpreters.list_all())
        groups = cgroups.detect_cgroups(conf.process, spec)
        self._directory = directories.open_directory(directory)
        self._candidates = sandbox_selection.create_starters(
            conf.process, self._directory, spec, self._interpreters, groups)
        self._starter: workers.Starter | None = None
        self._proxy: index_proxy.IndexProxy | None = None
        cpu_throttle.CpuThrottle(self, groups, self._closing).start()

    def claim(self, runtime_id: str | None, function: base.FunctionKey,
              limits: base.Limits, build: str = '') -> base.Worker:
        """Start a worker; see :class:`.base.Orchestrator`.

        :raises PermanentError: no worker starts on this machine.
        """
        process = self._start(limits.installs)
        process.memory_size = limits.memory_size
        process.group.set_limits(limits)
        self._processes[process.name] = process
        threading.Thread(target=process.wait, name='worker',
                         daemon=True).start()
        return base.Worker(process.name, runtime_id or '', process.address,
                           process.secret, function)

    def release(self, worker: base.Worker, disconnected: bool = False
                ) -> base.ExitReason | None:
        """Destroy a worker.

        :param disconnected: find out why the worker died.
        """
        process = self._processes.pop(worker.name, None)
        return None if process is None else worker_end.destroy(
            process, disconnected)

    def describe(self) -> Mapping[str, str]:
        """Return the interpreters of installed dependencies, as texts."""
        return {'interpreter': self._interpreters.python.path,
                'languages': ', '.join(sorted(
                    ' '.join(filter(None, names))
                    for names in self._interpreters.describe().values()))}

    def list_claimed_groups(self) -> list[cgroups.NoGroup]:
        """Return the control groups of the workers."""
        return [process.group for process in list(self._processes.values())]

    def close(self) -> None:
        """Destroy the workers."""
        self._closing.set()
        for process in list(self._processes.values()):
            process.destroy(worker_end.STOP_TIMEOUT_SECONDS)
        if self._proxy is not None:
            self._proxy.close()
        self._directory.close()

    def _start(self, installs: bool) -> workers.Process:
        """Return a worker of the best backend that works.

        :raises PermanentError: no worker starts.
        """
        if self._starter is not None:
            try:
                return self._launch(self._starter, installs)
            except (workers.StartFailed, OSError) as e:
                raise exception.PermanentError(f'No worker starts: {e}') from e
        reasons = []
        for starter in self._candidates:
            try:
                process = self._launch(starter, installs)
            except (workers.StartFailed, OSError) as e:
                reasons.append(f'{starter.backend.name} does not work: {e}')
                self._check_language(starter, e)
                continue
            self._starter = starter
            return process
        raise exception.PermanentError(
            'Workers cannot be started here: ' + '; '.join(reasons))

    def _check_language(self, starter: workers.Starter, error: Exception
                        ) -> None:
        """Keep the best backend when only the language does not work there.

        :raises PermanentError: the backend works.
        """
        with contextlib.suppress(workers.StartFailed, OSError):
            sandbox_selection.check_start(
                starter, self._conf.process.start_timeout)
            raise exception.PermanentError(
                f'No worker for {self._image} starts: {error}')

    def _launch(self, starter: workers.Starter, installs: bool
                ) -> workers.Process:
        if installs:
            self._proxy = index_proxy.start_proxy(self._conf, starter)
            if self._proxy is not None:
                self._proxy.start()
        process = starter.launch(
            languages.INSTALLER if installs else self._image, installs)
        process.wait_ready(self._conf.process.start_timeout)
        return process


@contextlib.contextmanager
def open_workers(conf: cfg.ConfigOpts, directory: str, image: str
                 ) -> Iterator[OnDemand]:
    """Yield a source of workers; destroy the workers in the end."""
    source = OnDemand(conf, directory, image)
    try:
        yield source
    finally:
        source.close()
