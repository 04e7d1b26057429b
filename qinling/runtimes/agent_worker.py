# SPDX-License-Identifier: Apache-2.0
"""Worker: the calls of the agent."""

from __future__ import annotations

import collections
import io
import json
import resource
import threading
import time

import agent_executor
from agent_http import RequestError
import agent_outcome as outcome
import agent_package
import agent_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agent_http import Handler

IDLE, LOADING, LOADED, SPOILED = 'idle', 'loading', 'loaded', 'spoiled'

# Settings of /load -> type.
LOAD_KEYS = {'function_id': str, 'function_version': int, 'entry': str,
             'memory_size': int, 'slots': int, 'max_log_size': int,
             'max_result_size': int, 'max_unpacked_size': int,
             'environment': dict}

# Memory of the kernel and priorities, which functions do not need.
FIXED_LIMITS = {resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 1 << 16,
                resource.RLIMIT_MSGQUEUE: 1 << 16,
                resource.RLIMIT_SIGPENDING: 1024,
                resource.RLIMIT_RTPRIO: 0, resource.RLIMIT_NICE: 0}

Request = collections.namedtuple('Request', ('id', 'timeout', 'frame'))


def render_error(sentence: str) -> bytes:
    """Return the body of an error."""
    return json.dumps({'error': sentence}).encode()


class Worker:
    """Function and its executors.

    :param tree: process tree of the agent.
    :param settings: see :func:`agent.read_settings`.
    """

    def __init__(self, tree: agent_processes.ProcessTree,
                 settings: dict[str, Any]) -> None:
        self._tree = tree
        self._settings = settings
        self._lock = threading.Lock()
        self._state = IDLE
        self._load: dict[str, Any] = {}
        self._load_frame: bytes | None = None
        self._limits: dict[int, int] = {}
        self._data_baseline = 0
        #: least recently used first
        self._idle: list[agent_executor.Executor] = []
        #: execution id -> executor, ``None`` during its start
        self._running: dict[str, agent_executor.Executor | None] = {}

    def routes(self) -> dict[tuple[bytes, bytes], Handler]:
        """Return the routes for :class:`agent_http.Server`."""
        return {(b'GET', b'/ping'): self.ping,
                (b'GET', b'/status'): self.status,
                (b'POST', b'/load'): self.load,
                (b'POST', b'/execute'): self.execute,
                (b'POST', b'/cancel'): self.cancel}

    def start(self, timeout: float) -> None:
        """Start the first executor, and wait until the executor is ready.

        :raises RuntimeError: the executor is not ready in time.
        """
        executor = self._create_executor()
        try:
            executor.wait_ready(time.monotonic() + timeout)
        except agent_executor.Broken:
            output = agent_executor.Output(4096)
            status = executor.destroy(output)
            raise RuntimeError('The bootstrap %r does not start (wait status '
                               '%d): %s' % (self._settings['bootstrap'],
                                            status, output.text())) from None
        self._data_baseline = agent_processes.read_data_size(executor.pid)
        self._idle.append(executor)

    def ping(self, _body: bytes | bytearray) -> bytes:
        """Answer /ping."""
        return b'pong'

    def status(self, _body: bytes | bytearray) -> bytes:
        """Answer /status: function, slots and executors."""
        with self._lock:
            busy = len(self._running)
            executors = [
                {'pid': executor.pid, 'execution_id': execution_id,
                 'executions': executor.executions}
                for execution_id, executor in (
                    *self._running.items(),
                    *((None, executor) for executor in self._idle))
                if executor is not None]
        return json.dumps({
            'state': self._state,
            'function_id': self._load.get('function_id'),
            'function_version': self._load.get('function_version'),
            'slots': self._load.get('slots', 0), 'busy': busy,
            'executors': executors}).encode()

    def load(self, body: bytes | bytearray) -> bytes:
        """Answer /load: a line of settings, then the packages."""
        settings, packages = parse_load(body)
        with self._lock:
            if self._state != IDLE:
                raise RequestError(
                    409, 'The worker is %s already.' % self._state)
            self._state = LOADING
        try:
            for package in packages:
                agent_package.unpack(package, self._settings['code'],
                                     settings['max_unpacked_size'])
        except agent_package.UnsafePackage as error:
            self._state = SPOILED
            raise RequestError(400, str(error)) from error
        self._load = settings
        self._limits = self._create_limits(settings['memory_size'])
        self._load_frame = json.dumps({
            'code': self._settings['code'],
            'entry': settings['entry'],
            'environment': settings['environment'],
            'max_result_size': settings['max_result_size'],
            'out_of_memory': outcome.out_of_memory(settings['memory_size']),
            'out_of_processes': outcome.out_of_processes(
                self._settings['processes']),
        }).encode()
        with self._lock:
            for executor in self._idle:
                self._load_executor(executor, self._load_frame)
            self._state = LOADED
        return b'{"state": "loaded"}'

    def execute(self, body: bytes | bytearray) -> bytes:
        """Answer /execute: run an execution."""
        request = parse_execution(body)
        executor = self._acquire_executor(request.id)
        try:
            return self._run(executor, request)
        finally:
            with self._lock:
                del self._running[request.id]

    def cancel(self, body: bytes | bytearray) -> bytes:
        """Answer /cancel: kill the executor of an execution."""
        execution_id = parse_object(body).get('execution_id')
        with self._lock:
            executor = self._running.get(execution_id or '')
        if executor is None:
            raise RequestError(404, 'There is no such execution here.')
        executor.cancel()
        return b'{}'

    def _acquire_executor(self, execution_id: str) -> agent_executor.Executor:
        """Return an executor, registered for an execution."""
        with self._lock:
            if self._state != LOADED:
                raise RequestError(
                    409, 'No function is loaded: the worker is %s.'
                    % self._state)
            if len(self._running) >= self._load['slots']:
                raise RequestError(503, 'All %d slots are busy.'
                                   % self._load['slots'])
            if execution_id in self._running:
                raise RequestError(409, 'This execution is running already.')
            executor = self._idle.pop() if self._idle else None
            self._running[execution_id] = executor
        if executor is not None and executor.prepare_execution():
            return executor
        try:
            if executor is not None:
                executor.destroy(agent_executor.Output(0))
            executor = self._create_executor()
        except BaseException:
            with self._lock:
                del self._running[execution_id]
            raise
        with self._lock:
            self._running[execution_id] = executor
        return executor

    def _run(self, executor: agent_executor.Executor, request: Request
             ) -> bytes:
        output = agent_executor.Output(self._load['max_log_size'])
        started = time.monotonic()
        ending = executor.run(request.frame, started + request.timeout,
                              output)
        duration = time.monotonic() - started
        result = None
        if ending.cause == agent_executor.RETURNED:
            result = outcome.parse_result(ending.frame, request.id)
        if result is None or result.get('retire'):
            sentence, reason = self._replace_executor(
                executor, ending.cause, output)
        else:
            self._tree.kill_orphans()
            with self._lock:
                self._idle.append(executor)
        if result is None:
            return outcome.render_answer(
                request.id, {'status': outcome.FAILED, 'output': sentence,
                             'reason': reason}, duration,
                outcome.format_log(request.id, output.text()))
        log = outcome.format_log(request.id, output.text(),
                                 result.get('traceback', ''))
        if len(result) == len(outcome.RESULT_KEYS):
            return outcome.render_frame(ending.frame, duration, log)
        return outcome.render_answer(request.id, result, duration, log)

    def _replace_executor(self, executor: agent_executor.Executor, cause: str,
                          output: agent_executor.Output
                          ) -> tuple[str, str]:
        """Replace a spoiled executor.

        :returns: sentence and reason for the execution.
        """
        status = executor.destroy(output)
        try:
            new_executor = self._create_executor()
        except OSError:
            pass  # no process can start now; the next execution tries again
        else:
            with self._lock:
                self._idle.append(new_executor)
        if executor.cancelled:
            return outcome.CANCELLED, 'cancelled'
        if cause == agent_executor.DIED:
            return outcome.explain_status(status, self._load['memory_size'],
                                          output.tail)
        if cause == agent_executor.TIMEOUT:
            return outcome.TIMEOUT, 'timeout'
        if cause == agent_executor.CLOSED:
            return outcome.NO_CHANNEL, 'crashed'
        return outcome.FAULTY_RESULT, 'invalid_output'

    def _create_executor(self) -> agent_executor.Executor:
        executor = agent_executor.Executor(
            self._tree, self._settings['bootstrap'],
            self._settings['environment'])
        if self._load_frame is not None:
            self._load_executor(executor, self._load_frame)
        return executor

    def _load_executor(self, executor: agent_executor.Executor, frame: bytes
                       ) -> None:
        """Limit an executor and send the load frame, without waiting.

        The executor may still be starting.
        """
        try:
            agent_processes.set_rlimits(executor.pid, self._limits)
            executor.send(frame)
        except OSError:
            pass  # the next use detects the death
        executor.max_frame = (self._load['max_result_size']
                              + agent_executor.FRAME_OVERHEAD_BYTES)

    def _create_limits(self, memory_size: int) -> dict[int, int]:
        """Return the rlimits of executors."""
        limits = {resource.RLIMIT_DATA: self._data_baseline + memory_size,
                  **FIXED_LIMITS}
        for name, kind in (('processes', resource.RLIMIT_NPROC),
                           ('open_files', resource.RLIMIT_NOFILE),
                           ('file_size', resource.RLIMIT_FSIZE)):
            if self._settings[name]:
                limits[kind] = self._settings[name]
        return limits


def parse_object(text: bytes | bytearray) -> dict[str, Any]:
    """Return the JSON object in a body.

    :raises RequestError: 400, the body is not a JSON object.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, 'The body is not JSON: %s.' % error) from error
    if not isinstance(value, dict):
        raise RequestError(400, 'The body is not a JSON object.')
    return value


def parse_load(body: bytes | bytearray
               ) -> tuple[dict[str, Any], list[io.BytesIO]]:
    """Return the settings and the packages in a /load body.

    The setting ``sizes`` has the bytes of each package; the default is a
    single package.

    :raises RequestError: 400, the body is not valid.
    """
    end = body.find(b'\n')
    if end < 0:
        raise RequestError(400, 'The settings are not ended by a line feed.')
    settings = parse_object(body[:end])
    for name, kind in LOAD_KEYS.items():
        if not isinstance(settings.get(name), kind):
            raise RequestError(
                400, 'The setting %s is missing or not of type %s.'
                % (name, kind.__name__))
    rest = memoryview(body)[end + 1:]
    sizes = settings.get('sizes', [len(rest)])
    if (not isinstance(sizes, list)
            or not all(isinstance(size, int) and size >= 0 for size in sizes)
            or sum(sizes) != len(rest)):
        raise RequestError(400, 'The sizes are not those of the packages.')
    packages = []
    for size in sizes:
        packages.append(io.BytesIO(rest[:size]))
        rest = rest[size:]
    return settings, packages


def parse_execution(body: bytes | bytearray) -> Request:
    """Return the request in an /execute body; its frame is the body.

    :raises RequestError: 400, the body is not valid.
    """
    fields = parse_object(body)
    execution_id, timeout = fields.get('execution_id'), fields.get('timeout')
    if not isinstance(execution_id, str) or not execution_id:
        raise RequestError(400, 'The execution_id is missing or not a text.')
    if (isinstance(timeout, bool) or not isinstance(timeout, (int, float))
            or not 0 < timeout < 1e6):
        raise RequestError(400, 'The timeout is missing or not a number.')
    if (not isinstance(fields.get('args', []), list)
            or not isinstance(fields.get('kwargs', {}), dict)
            or not isinstance(fields.get('context', {}), dict)):
        raise RequestError(
            400, 'args must be a list, kwargs and context objects.')
    return Request(execution_id, timeout, body)
