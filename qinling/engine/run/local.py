# SPDX-License-Identifier: Apache-2.0
"""One run of a function on this machine, without API, database or queue.

Imports little: a developer waits for each import.
"""

import contextlib
import dataclasses
import os
import pathlib
import threading
import time
import typing

from oslo_config import cfg

from qinling.core.execution import contract_faults
from qinling.core.execution import outcomes
from qinling.engine.run import answers
from qinling.engine.run import local_request
from qinling.engine.run import output_buffer
from qinling.engine.workers import invoker as invoker_module
from qinling.engine.workers import package_installer
from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.process import on_demand
from qinling.runtimes import agent_archive
from qinling.sources import dependencies
from qinling.sources import package as package_source
from qinling.states import ExecutionReason

#: Seconds that an agent may take beyond its timeouts.
MARGIN_SECONDS = 15
#: Seconds between two reads of the log of a running function.
LOG_INTERVAL_SECONDS = 0.1
#: Bytes of an answer beside output and log, and per byte of log and output.
ENVELOPE_BYTES, LOG_FACTOR, OUTPUT_FACTOR = 1 << 16, 6, 2
PROJECT = 'local'
#: Groups of options that a run reads.
CONFIGURATION = ('process', 'build', 'engine', 'resource_limits')

_Json = dict[str, typing.Any]


class Output(typing.Protocol):
    """Receiver of messages, from several threads."""

    def emit(self, message: _Json) -> None:
        """Write a message: an object with one member."""


class NotInstalled(Exception):
    """The dependencies of a function could not be installed."""

    def __init__(self, sentence: str, log: str) -> None:
        super().__init__(sentence)
        self.log = log


def run(conf: cfg.ConfigOpts, request: local_request.LocalRequest,
        directory: str, output: Output) -> None:
    """Run a function once.

    Emit ``{"log": text}`` and ``{"part": value}`` as wanted, and at last
    ``{"execution": fields}``, with the log.

    :param conf: with the groups of :data:`CONFIGURATION`.
    :param directory: an empty directory for the worker.
    :raises Invalid, TooLarge, InputRefused: the request is not valid.
    """
    conf.set_override('allow_network', request.network, group='process')
    plan = local_request.Plan(conf, request)
    try:
        with on_demand.open_workers(conf, directory, request.image) as source:
            outcome = _Run(conf, plan, source, output).run()
    except NotInstalled as e:
        outcome = dataclasses.replace(outcomes.platform_fault(
            f'Its dependencies could not be installed: {e}',
            ExecutionReason.DEPENDENCIES), logs=e.log)
    except (exception.PermanentError, exception.TemporaryError) as e:
        outcome = outcomes.platform_fault(
            f'No worker can run the function: {e}', ExecutionReason.NO_WORKER)
    outcome = contract_faults.check_output(plan.output_schema, outcome)
    output.emit({'execution': {
        'id': plan.request.id, 'status': outcome.status.value,
        'reason': outcome.reason and outcome.reason.value,
        'detail': outcome.detail, 'result': outcome.result,
        'log': outcome.logs or '', 'duration': outcome.run.duration}})


class _Run:
    """Run on a worker of a source."""

    def __init__(self, conf: cfg.ConfigOpts, plan: local_request.Plan,
                 source: on_demand.OnDemand, output: Output) -> None:
        self._conf = conf
        self._plan = plan
        self._source = source
        self._output = output
        self._invoker = invoker_module.Invoker()
        self._ended = threading.Event()
        self._has_parts = False

    def run(self) -> outcomes.Outcome:
        """Return the outcome of the function.

        :raises NotInstalled, PermanentError, TemporaryError: it did not run.
        """
        request = self._plan.request
        with contextlib.ExitStack() as stack:
            code = stack.enter_context(open(request.package, 'rb'))
            archive = package_source.open_archive(
                code, self._conf.resource_limits)
            packages = [code, *map(stack.enter_context,
                                   self._open_builds(archive, code))]
            worker = self._source.claim(
                None, base.FunctionKey(PROJECT), self._plan.limits)
            try:
                self._load(worker, packages)
                return self._execute(worker)
            finally:
                self._invoker.forget(worker)
                self._source.release(worker)

    def _open_builds(self, archive: agent_archive.Archive,
                     code: typing.BinaryIO) -> list[typing.BinaryIO]:
        """Return the open package of the dependencies, if there are any."""
        needs = (dependencies.find_dependencies(archive)
                 if self._conf.build.enabled else None)
        if needs is None:
            return []
        id = package_installer.fingerprint(
            self._conf.build, self._source.describe(), needs)
        path = pathlib.Path(self._plan.request.builds, f'{id}.zip')
        if not path.exists():
            self._install(id, needs['kind'], code, path)
        return [path.open('rb')]

    def _install(self, id: str, kind: str, code: typing.BinaryIO,
                 path: pathlib.Path) -> None:
        """Install dependencies, and keep them in a file for the next run."""
        installer = package_installer.PackageInstaller(
            self._conf, self._source, self._invoker)
        files = dependencies.read_files(
            code, kind, self._conf.resource_limits.max_unpacked_size)
        try:
            data, _log = installer.install(package_installer.Order(
                id, kind, files, base.FunctionKey(PROJECT)))
        except package_installer.Failed as e:
            raise NotInstalled(str(e), e.log) from e
        except (invoker_module.NotSent, invoker_module.Lost) as e:
            raise NotInstalled(f'The worker was lost: {e}', '') from e
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(f'.{os.getpid()}')
        new.write_bytes(data)
        new.replace(path)

    def _load(self, worker: base.Worker, packages: list[typing.BinaryIO]
              ) -> None:
        plan, engine = self._plan, self._conf.engine
        try:
            status, answer = self._invoker.load(worker, {
                'function_id': PROJECT, 'function_version': 0,
                'entry': plan.request.entry, 'memory_size': plan.memory_size,
                'cpu': plan.cpu, 'slots': 1,
                'import_timeout': engine.import_timeout,
                'max_log_size': engine.max_log_size,
                'max_result_size': engine.max_result_size,
                'max_unpacked_size':
                    self._conf.resource_limits.max_unpacked_size,
                'environment': dict(plan.request.environment)}, *packages)
        except (invoker_module.NotSent, invoker_module.Lost) as e:
            raise exception.TemporaryError(
                f'the worker did not load the package: {e}') from e
        if status != 200:
            raise exception.PermanentError(str(answer.get('error', status)))

    def _execute(self, worker: base.Worker) -> outcomes.Outcome:
        started = time.perf_counter()
        follower = None
        if self._plan.request.follows_log:
            follower = threading.Thread(
                target=self._follow_log, args=(worker,), daemon=True)
            follower.start()
        try:
            status, answer = self._call(worker)
            if status != 200:
                raise answers.InvalidAnswer(str(answer.get('error', status)))
            return answers.parse(answer, started)
        except (invoker_module.NotSent, invoker_module.Lost,
                answers.InvalidAnswer) as e:
            return self._explain(worker, e)
        finally:
            self._ended.set()
            if follower is not None:
                follower.join()

    def _call(self, worker: base.Worker) -> tuple[int, _Json]:
        plan, engine = self._plan, self._conf.engine
        id = plan.request.id
        request = {
            'execution_id': id, 'args': plan.args, 'kwargs': plan.kwargs,
            'timeout': plan.timeout, 'context': {
                'execution_id': id, 'function_id': PROJECT,
                'function_version': 0, 'project_id': PROJECT,
                'request_id': None, 'traceparent': None}}
        seconds = plan.timeout + engine.import_timeout + MARGIN_SECONDS
        max_bytes = (ENVELOPE_BYTES + LOG_FACTOR * engine.max_log_size
                     + OUTPUT_FACTOR * engine.max_result_size)
        if plan.request.streams:
            return self._invoker.execute_streamed(
                worker, request, seconds, max_bytes, self._add_part)
        return self._invoker.execute(worker, request, seconds, max_bytes)

    def _add_part(self, value: typing.Any) -> None:
        """Report a part of the output, without the head of an answer."""
        if self._has_parts or not output_buffer.is_head(value):
            self._output.emit({'part': value})
        self._has_parts = True

    def _explain(self, worker: base.Worker, error: Exception
                 ) -> outcomes.Outcome:
        """Return the outcome of a worker that died."""
        reason = self._source.release(worker, disconnected=True)
        if reason is not None and reason.own_fault:
            return outcomes.out_of_memory(reason.sentence)
        return outcomes.platform_fault(
            f'The worker died while it ran the function: {error}.',
            ExecutionReason.WORKER_LOST)

    def _follow_log(self, worker: base.Worker) -> None:
        """Report the log of the running function until the end."""
        offset, id = 0, self._plan.request.id
        with contextlib.suppress(invoker_module.NotSent,
                                 invoker_module.Lost):
            while not self._ended.wait(LOG_INTERVAL_SECONDS):
                text = self._invoker.read_log(worker, id, offset)
                if text:
                    self._output.emit({'log': text})
                    offset += len(text)
