# SPDX-License-Identifier: Apache-2.0
"""The worker: what the calls of the agent do."""

import collections
import io
import json
import resource
import threading
import time

import agent_executor
from agent_http import Refused
import agent_outcome as outcome
import agent_package
import agent_processes

IDLE, LOADING, LOADED, SPOILED = 'idle', 'loading', 'loaded', 'spoiled'

# What /load takes: every key with its type.
LOAD_KEYS = {'function_id': str, 'function_version': int, 'entry': str,
             'memory_size': int, 'slots': int, 'max_log_size': int,
             'max_result_size': int, 'max_unpacked_size': int,
             'environment': dict}

# What no function needs more of: memory of the kernel, and precedence.
FIXED_LIMITS = {resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 1 << 16,
                resource.RLIMIT_MSGQUEUE: 1 << 16,
                resource.RLIMIT_SIGPENDING: 1024,
                resource.RLIMIT_RTPRIO: 0, resource.RLIMIT_NICE: 0}

Request = collections.namedtuple('Request', ('id', 'timeout', 'frame'))


def render_error(sentence):
    return json.dumps({'error': sentence}).encode()


class Worker:
    """Holds one function and its executors.

    :param family: :class:`agent_processes.Family`.
    :param settings: see :func:`agent.read_settings`.
    """

    def __init__(self, family, settings):
        self._family = family
        self._settings = settings
        self._lock = threading.Lock()
        self._state = IDLE
        self._load = {}
        self._load_frame = None
        self._limits = {}
        self._data_baseline = 0
        self._idle = []     # executors, the last used one last
        self._running = {}  # execution id -> executor, None while it starts

    def routes(self):
        """What :class:`agent_http.Server` serves."""
        return {(b'GET', b'/ping'): self.ping,
                (b'GET', b'/status'): self.status,
                (b'POST', b'/load'): self.load,
                (b'POST', b'/execute'): self.execute,
                (b'POST', b'/cancel'): self.cancel}

    def start(self, timeout):
        """Start the first executor and wait until it is up.

        :raises RuntimeError: it does not come up in ``timeout`` seconds.
        """
        executor = self._new_executor()
        try:
            executor.greet(time.monotonic() + timeout)
        except agent_executor.Broken:
            output = agent_executor.Output(4096)
            status = executor.destroy(output)
            raise RuntimeError('The bootstrap %r does not start (wait status '
                               '%d): %s' % (self._settings['bootstrap'],
                                            status, output.text())) from None
        self._data_baseline = agent_processes.data_size(executor.pid)
        self._idle.append(executor)

    def ping(self, _body):
        return b'pong'

    def status(self, _body):
        with self._lock:
            running = dict(self._running)
            executors = [
                {'pid': executor.pid, 'execution_id': execution_id,
                 'executions': executor.executions}
                for execution_id, executor in
                list(running.items()) + [(None, each) for each in self._idle]
                if executor is not None]
        return json.dumps({
            'state': self._state,
            'function_id': self._load.get('function_id'),
            'function_version': self._load.get('function_version'),
            'slots': self._load.get('slots', 0), 'busy': len(running),
            'executors': executors}).encode()

    def load(self, body):
        """One line of settings, then the packages."""
        settings, packages = parse_load(body)
        with self._lock:
            if self._state != IDLE:
                raise Refused(409, 'The worker is %s already.' % self._state)
            self._state = LOADING
        try:
            for package in packages:
                agent_package.unpack(package, self._settings['code'],
                                     settings['max_unpacked_size'])
        except agent_package.UnsafePackage as error:
            self._state = SPOILED
            raise Refused(400, str(error)) from error
        self._load = settings
        self._limits = self._executor_limits(settings['memory_size'])
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
                self._prepare(executor)
            self._state = LOADED
        return b'{"state": "loaded"}'

    def execute(self, body):
        request = parse_execution(body)
        executor = self._take(request.id)
        try:
            return self._run(executor, request)
        finally:
            with self._lock:
                del self._running[request.id]

    def cancel(self, body):
        execution_id = parse_object(body).get('execution_id')
        with self._lock:
            executor = self._running.get(execution_id)
        if executor is None:
            raise Refused(404, 'There is no such execution here.')
        executor.cancel()
        return b'{}'

    def _take(self, execution_id):
        with self._lock:
            if self._state != LOADED:
                raise Refused(409, 'No function is loaded: the worker is %s.'
                              % self._state)
            if len(self._running) >= self._load['slots']:
                raise Refused(503, 'All %d slots are busy.'
                              % self._load['slots'])
            if execution_id in self._running:
                raise Refused(409, 'This execution is running already.')
            executor = self._idle.pop() if self._idle else None
            self._running[execution_id] = executor
        if executor is not None and executor.usable():
            return executor
        try:
            if executor is not None:
                executor.destroy(agent_executor.Output(0))
            executor = self._new_executor()
        except BaseException:
            with self._lock:
                del self._running[execution_id]
            raise
        with self._lock:
            self._running[execution_id] = executor
        return executor

    def _run(self, executor, request):
        output = agent_executor.Output(self._load['max_log_size'])
        started = time.monotonic()
        ending = executor.run(request.frame, started + request.timeout,
                              output)
        duration = time.monotonic() - started
        result = None
        if ending.how == agent_executor.RETURNED:
            result = outcome.parse_result(ending.frame, request.id)
        if result is None or result.get('retire'):
            reason = self._replace(executor, ending.how, output)
        else:
            self._family.sweep()
            with self._lock:
                self._idle.append(executor)
        if result is None:
            return outcome.render(
                request.id, outcome.FAILED, reason, duration,
                outcome.log_text(request.id, output.text()))
        log = outcome.log_text(request.id, output.text(),
                               result.get('traceback', ''))
        if len(result) == len(outcome.RESULT_KEYS):
            return outcome.render_frame(ending.frame, duration, log)
        return outcome.render(request.id, result['status'], result['output'],
                              duration, log)

    def _replace(self, executor, how, output):
        """Put a new executor in the place of a spoiled one; returns the
        sentence for the execution that spoiled it."""
        status = executor.destroy(output)
        try:
            new = self._new_executor()
        except OSError:
            pass  # no process to be had now: the next execution tries again
        else:
            with self._lock:
                self._idle.append(new)
        if executor.cancelled:
            return outcome.CANCELLED
        if how == agent_executor.DIED:
            return outcome.of_status(status, self._load['memory_size'],
                                     output.end)
        return {agent_executor.TIMEOUT: outcome.TIMEOUT,
                agent_executor.CLOSED: outcome.NO_CHANNEL
                }.get(how, outcome.FAULTY_RESULT)

    def _new_executor(self):
        executor = agent_executor.Executor(
            self._family, self._settings['bootstrap'],
            self._settings['environment'])
        if self._load_frame is not None:
            self._prepare(executor)
        return executor

    def _prepare(self, executor):
        """Have an executor confined and let it import the function; it may
        still be starting, and nobody waits for it."""
        try:
            agent_processes.confine(executor.pid, self._limits)
            executor.send(self._load_frame)
        except OSError:
            pass  # it has died, as usable() or run() will notice
        executor.max_frame = (self._load['max_result_size']
                              + agent_executor.FRAME_SLACK)

    def _executor_limits(self, memory_size):
        limits = {resource.RLIMIT_DATA: self._data_baseline + memory_size,
                  **FIXED_LIMITS}
        for name, kind in (('processes', resource.RLIMIT_NPROC),
                           ('open_files', resource.RLIMIT_NOFILE),
                           ('file_size', resource.RLIMIT_FSIZE)):
            if self._settings[name]:
                limits[kind] = self._settings[name]
        return limits


def parse_object(text):
    """The JSON object in a body.

    :raises Refused: 400, there is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(400, 'The body is not JSON: %s.' % error) from error
    if not isinstance(value, dict):
        raise Refused(400, 'The body is not a JSON object.')
    return value


def parse_load(body):
    """The settings in a /load body and its packages as binary files.

    The setting ``sizes`` has the bytes of each package; without it there is
    one.
    """
    end = body.find(b'\n')
    if end < 0:
        raise Refused(400, 'The settings are not ended by a line feed.')
    settings = parse_object(body[:end])
    for name, kind in LOAD_KEYS.items():
        if not isinstance(settings.get(name), kind):
            raise Refused(400, 'The setting %s is missing or not of type %s.'
                          % (name, kind.__name__))
    rest = memoryview(body)[end + 1:]
    sizes = settings.get('sizes', [len(rest)])
    if (not isinstance(sizes, list)
            or not all(isinstance(size, int) and size >= 0 for size in sizes)
            or sum(sizes) != len(rest)):
        raise Refused(400, 'The sizes are not those of the packages.')
    packages = []
    for size in sizes:
        packages.append(io.BytesIO(rest[:size]))
        rest = rest[size:]
    return settings, packages


def parse_execution(body):
    """The :class:`Request` in an /execute body; its frame is the body: the
    bootstrap takes from it what it needs."""
    fields = parse_object(body)
    execution_id, timeout = fields.get('execution_id'), fields.get('timeout')
    if not isinstance(execution_id, str) or not execution_id:
        raise Refused(400, 'The execution_id is missing or not a text.')
    if (isinstance(timeout, bool) or not isinstance(timeout, (int, float))
            or not 0 < timeout < 1e6):
        raise Refused(400, 'The timeout is missing or not a number.')
    if (not isinstance(fields.get('args', []), list)
            or not isinstance(fields.get('kwargs', {}), dict)
            or not isinstance(fields.get('context', {}), dict)):
        raise Refused(400, 'args must be a list, kwargs and context objects.')
    return Request(execution_id, timeout, body)
