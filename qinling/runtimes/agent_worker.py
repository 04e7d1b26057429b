# SPDX-License-Identifier: Apache-2.0
"""Worker: the calls of the agent."""

from __future__ import annotations

import itertools
import json
import threading
import time

import agent_environment
import agent_executor
import agent_http
from agent_http import RequestError
import agent_memory
import agent_outcome as outcome
from agent_output import Output
import agent_package
import agent_parts
import agent_processes
import agent_requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from agent_http import Handler
    from agent_requests import Request

IDLE, LOADING, LOADED, SPOILED = 'idle', 'loading', 'loaded', 'spoiled'


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
        self._is_draining = False
        self._load: dict[str, Any] = {}
        self._load_frame: bytes | None = None
        self._environment: dict[str, str] = settings['environment']
        self._limits: dict[int, int] = {}
        self._data_baseline = self._used_baseline = 0
        self._memory_watch: agent_memory.MemoryWatch | None = None
        self._oom_events = agent_memory.OomEvents(settings['memory_events'])
        #: least recently used first
        self._idle: list[agent_executor.Executor] = []
        #: has imported the function, runs no execution
        self._template: agent_executor.Executor | None = None
        #: execution id -> executor, ``None`` during its start
        self._running: dict[str, agent_executor.Executor | None] = {}
        #: execution id -> output of a running execution
        self._outputs: dict[str, Output] = {}

    def routes(self) -> dict[tuple[bytes, bytes], Handler]:
        """Return the routes for :class:`agent_http.Server`."""
        return {(b'GET', b'/ping'): self.ping,
                (b'GET', b'/status'): self.status,
                (b'POST', b'/load'): self.load,
                (b'POST', b'/execute'): self.execute,
                (b'POST', b'/log'): self.log,
                (b'POST', b'/cancel'): self.cancel}

    def start(self, timeout: float) -> None:
        """Start the first executor, and wait until the executor is ready.

        :raises RuntimeError: the executor is not ready in time.
        """
        executor = self._create_executor()
        try:
            executor.wait_ready(time.monotonic() + timeout)
        except agent_executor.Broken:
            output = Output(4096)
            status = executor.destroy(output)
            raise RuntimeError('The bootstrap %r does not start (wait status '
                               '%d): %s' % (self._settings['bootstrap'],
                                            status, output.text())) from None
        self._data_baseline = agent_processes.read_data_size(executor.pid)
        self._used_baseline = agent_memory.read_anonymous(executor.pid)
        self._idle.append(executor)

    def drain(self) -> None:
        """Let running executions end, and refuse further ones."""
        self._is_draining = True

    def is_busy(self) -> bool:
        """Return whether a load or an execution is running."""
        return bool(self._running) or self._state == LOADING

    def ping(self, _body: bytes | bytearray) -> bytes:
        """Answer /ping."""
        return b'pong'

    def status(self, _body: bytes | bytearray) -> bytes:
        """Answer /status: function, slots, template and executors."""
        with self._lock:
            template = self._template
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
            'template': template.pid if template else None,
            'executors': executors}).encode()

    def load(self, body: bytes | bytearray) -> bytes:
        """Answer /load: a line of settings, then the packages."""
        settings, packages = agent_requests.parse_load(body)
        with self._lock:
            self._check_draining()
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
        self._limits = agent_memory.create_limits(
            self._settings, self._data_baseline + settings['memory_size'])
        if self._settings['memory_reserve']:
            self._memory_watch = agent_memory.MemoryWatch(
                self._tree, self._used_baseline + settings['memory_size'],
                self._settings['memory_slack'])
        self._prepare_executors(settings)
        return b'{"state": "loaded"}'

    def _prepare_executors(self, settings: dict[str, Any]) -> None:
        """Load the function into the idle executors."""
        environment = {
            **agent_environment.list_thread_variables(settings['cpu']),
            **settings['environment']}
        self._environment = {**self._settings['environment'], **environment}
        self._load_frame = json.dumps({
            'code': self._settings['code'],
            'entry': settings['entry'],
            'environment': environment,
            'max_result_size': settings['max_result_size'],
            'out_of_memory': outcome.out_of_memory(settings['memory_size']),
            'out_of_processes': outcome.out_of_processes(
                self._settings['processes']),
            'too_deep': outcome.TOO_DEEP,
        }).encode()
        must_restart = any(itertools.starmap(
            agent_environment.is_read_at_start, environment.items()))
        with self._lock:
            for executor in [] if must_restart else self._idle:
                self._load_executor(executor, self._load_frame)
            while must_restart and self._idle:
                self._idle.pop().destroy(Output(0))
            if not self._idle:
                self._idle.append(self._create_executor())
            self._state = LOADED

    def execute(self, body: bytes | bytearray
                ) -> bytes | agent_http.StreamedAnswer:
        """Answer /execute: run an execution."""
        request = agent_requests.parse_execution(body)
        executor = self._acquire_executor(request.id)
        if request.is_streamed:
            return agent_http.StreamedAnswer(
                lambda lines: self._serve(executor, request, lines))
        return self._serve(executor, request)

    def _serve(self, executor: agent_executor.Executor, request: Request,
               lines: agent_http.LineSender | None = None) -> bytes:
        parts = None if lines is None else agent_parts.Parts(
            lines, self._load['max_result_size'])
        try:
            return self._run(executor, request, parts)
        finally:
            with self._lock:
                del self._running[request.id]
                self._outputs.pop(request.id, None)

    def log(self, body: bytes | bytearray) -> bytes:
        """Answer /log: the log of a running execution, from an offset."""
        id, offset = agent_requests.parse_log(body)
        output = self._outputs.get(id)
        if output is None:
            raise RequestError(404, 'There is no such execution here.')
        return json.dumps({'log': outcome.format_partial_log(
            id, output, offset)}).encode()

    def cancel(self, body: bytes | bytearray) -> bytes:
        """Answer /cancel: kill the executor of an execution."""
        execution_id = agent_requests.parse_object(body).get('execution_id')
        with self._lock:
            executor = self._running.get(execution_id or '')
        if executor is None:
            raise RequestError(404, 'There is no such execution here.')
        executor.cancel()
        return b'{}'

    def _check_draining(self) -> None:
        if self._is_draining:
            raise RequestError(503, 'The worker takes no more executions: '
                                    'its platform stops it.')

    def _acquire_executor(self, execution_id: str) -> agent_executor.Executor:
        """Return an executor, registered for an execution."""
        with self._lock:
            self._check_draining()
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
            return self._exchange_executor(executor, execution_id, Output(0))
        except BaseException:
            with self._lock:
                del self._running[execution_id]
            raise

    def _exchange_executor(
            self, executor: agent_executor.Executor | None, execution_id: str,
            output: Output) -> agent_executor.Executor:
        """Return a new executor for an execution that did not start."""
        if executor is not None:
            executor.destroy(output)
        executor = self._create_executor()
        with self._lock:
            self._running[execution_id] = executor
        return executor

    def _run(self, executor: agent_executor.Executor, request: Request,
             parts: agent_parts.Parts | None) -> bytes:
        self._outputs[request.id] = output = Output(
            self._load['max_log_size'])
        executor, ending = self._begin(executor, request, output, parts)
        if (ending.cause == agent_executor.UNREAD and executor.executions > 1
                and not executor.cancelled):
            # What the previous execution left ended the process.
            executor = self._exchange_executor(executor, request.id, output)
            executor, ending = self._begin(executor, request, output, parts)
        # Before the process may be replaced.
        peak = executor.peak_meter.read()
        result = None
        if ending.cause == agent_executor.RETURNED:
            result = outcome.parse_result(
                ending.frame, request.id, self._load['memory_size'],
                self._load['max_result_size'])
        status = 0
        if ending.cause == agent_executor.IMPORTING:
            # The next execution starts the import, and grants the full time.
            status = executor.destroy(output)
        elif not result or result.get('retire'):
            status = self._replace_executor(executor, output)
        else:
            self._tree.kill_orphans()
            with self._lock:
                self._idle.append(executor)
        usage = outcome.Usage(ending.duration, executor.take_import_ms(),
                              peak)
        log = outcome.format_log(request.id, output.text(),
                                 (result or {}).get('traceback', ''))
        if result is None:
            result = self._explain(executor, ending.cause, status, output.tail,
                                   request.timeout)
        elif len(result) == len(outcome.RESULT_KEYS):
            return outcome.render_frame(ending.frame, usage, log)
        return outcome.render_answer(request.id, result, usage, log)

    def _begin(self, executor: agent_executor.Executor, request: Request,
               output: Output, parts: agent_parts.Parts | None
               ) -> tuple[agent_executor.Executor, agent_executor.Ending]:
        """Run an execution after the import, perhaps in a fork."""
        ending = executor.finish_import(self._load['import_timeout'], output)
        if ending is None:
            if executor.is_forkable:
                executor = self._fork_first(executor, request.id)
            ending = executor.run(request.frame, request.timeout, output,
                                  parts)
        return executor, ending

    def _replace_executor(self, executor: agent_executor.Executor,
                          output: Output) -> int:
        """Replace a spoiled executor, and return its wait status."""
        status = executor.destroy(output)
        try:
            new_executor = self._create_executor()
        except OSError:
            pass  # no process can start now; the next execution tries again
        else:
            with self._lock:
                self._idle.append(new_executor)
        return status

    def _explain(self, executor: agent_executor.Executor, cause: str,
                 status: int, output_tail: bytes, timeout: float
                 ) -> dict[str, Any]:
        """Return the failure of an execution without a result."""
        if executor.cancelled:
            cause = 'cancelled'
        elif cause in (agent_executor.DIED, agent_executor.UNREAD):
            return outcome.create_failure(*outcome.explain_status(
                status, self._load['memory_size'], output_tail,
                self._oom_events.has_new() if self._oom_events.is_known()
                else None, executor.is_imported))
        return outcome.explain_ending(cause, self._load, timeout)

    def _fork_first(self, executor: agent_executor.Executor,
                    execution_id: str) -> agent_executor.Executor:
        """Make an executor the template, and return its first child.

        Without a need or a way to fork, return the executor.
        """
        executor.is_forkable = False
        if self._template is not None:
            return executor
        try:
            child = self._fork(executor)
        except OSError:
            return executor
        child.import_ms = executor.take_import_ms()
        with self._lock:
            unused, self._template = self._template, executor
            self._running[execution_id] = child
        if unused is not None:  # of an execution at the same time
            unused.destroy(Output(0))
        if executor.cancelled:
            child.cancel()
        return child

    def _fork(self, template: agent_executor.Executor
              ) -> agent_executor.Executor:
        """Return an imported executor, or raise ``OSError``."""
        child = agent_executor.Executor(self._tree, template)
        self._set_checks(child)
        return child

    def _create_executor(self) -> agent_executor.Executor:
        template = self._template
        if template is not None:
            try:
                return self._fork(template)
            except OSError:
                self._remove_template(template)
        executor = agent_executor.Executor(
            self._tree, agent_processes.Program(
                self._tree, self._settings['bootstrap'], self._environment))
        if self._load_frame is not None:
            self._load_executor(executor, self._load_frame)
        return executor

    def _remove_template(self, template: agent_executor.Executor) -> None:
        """Destroy a template that cannot fork."""
        with self._lock:
            is_present = template is self._template
            if is_present:
                self._template = None
        if is_present:
            template.destroy(Output(0))

    def _load_executor(self, executor: agent_executor.Executor, frame: bytes
                       ) -> None:
        """Limit an executor and send the load frame, without waiting.

        The executor may still be starting.
        """
        try:
            agent_processes.set_rlimits(executor.pid, self._limits)
            executor.load(frame)
        except OSError:
            pass  # the next use detects the death
        self._set_checks(executor)

    def _set_checks(self, executor: agent_executor.Executor) -> None:
        executor.memory_watch = self._memory_watch
        executor.max_frame = (self._load['max_result_size']
                              + agent_executor.FRAME_OVERHEAD_BYTES)
