# SPDX-License-Identifier: Apache-2.0
"""Requests of users, and the history of their answers."""

import dataclasses

from qinling.core.execution import records
from qinling.core import idempotency
from qinling import exception
from qinling.tests.simulation import cloud as cloud_module
from qinling.tests.simulation import database
from qinling.tests.simulation import faults

OK, REFUSED, UNAVAILABLE, FAILED = 'ok', 'refused', 'unavailable', 'failed'
#: The execution was accepted, and deleted before its end.
DELETED = 'deleted'
EXECUTE, CANCEL, DELETE = 'execute', 'cancel', 'delete'
JOB, CHANGE_JOB = 'job', 'change job'
PUBLISH, MOVE, READ = 'publish', 'move', 'read'
DELETE_VERSION, DELETE_ALIAS, CREATE_ALIAS = (
    'delete version', 'delete alias', 'create alias')
_SCENARIOS = {
    'executions': ((EXECUTE, 8), (CANCEL, 1), (DELETE, 0.5)),
    'burst': ((EXECUTE, 1),),
    'lines': ((EXECUTE, 8), (CANCEL, 1), (DELETE, 0.5)),
    'jobs': ((JOB, 4), (CHANGE_JOB, 3), (EXECUTE, 1)),
    'references': ((PUBLISH, 3), (MOVE, 3), (READ, 3), (DELETE_VERSION, 2),
                   (DELETE_ALIAS, 1), (CREATE_ALIAS, 1), (EXECUTE, 2),
                   (JOB, 2))}
_SCENARIO_WEIGHTS = (5, 1, 2, 2, 2)
#: Requests with a key that a client sends twice at the same time.
TWIN_SHARE = 0.5
_PATTERNS = ('* * * * *', '*/2 * * * *')


@dataclasses.dataclass(frozen=True)
class Request:
    """A request of a user."""

    at: float
    place: str
    kind: str
    token: str
    sync: bool = False
    function: str = cloud_module.PLAIN
    key: str | None = None
    fails: bool = False
    number: int = 0
    options: tuple = ()

    def __str__(self):
        fields = {name: value for name, value in vars(self).items()
                  if value and name != 'kind'}
        return f'{self.kind} {fields}'


@dataclasses.dataclass
class Record:
    """A request with its answer; unknown while ``outcome`` is ``None``."""

    request: Request
    started: float
    ended: float | None = None
    outcome: str | None = None
    value: object = None


def create_requests(source, setup):
    """Return random requests."""
    scenario = source.choices(list(_SCENARIOS), _SCENARIO_WEIGHTS)[0]
    kinds, weights = zip(*_SCENARIOS[scenario])
    is_burst = scenario == 'burst'
    number = source.randint(7, 12) if is_burst else source.randint(1, 9)
    moment = source.uniform(1, 10)
    is_close = source.random() < 0.5
    requests = tuple(_create_request(
        source, setup, source.choices(kinds, weights)[0], index,
        moment + source.random() * (0.1 if is_burst else 1)
        if is_burst or is_close else source.uniform(0.2, faults.SECONDS))
        for index in range(number))
    if scenario == 'lines':
        requests = tuple(dataclasses.replace(
            request, function=cloud_module.CONTROLLED)
            for request in requests)
    return requests + tuple(
        dataclasses.replace(request, place=_choose_api(source, setup))
        for request in requests
        if request.key and source.random() < TWIN_SHARE)


def _choose_api(source, setup):
    return f'api{source.randrange(setup.apis)}'


def _create_request(source, setup, kind, index, at):
    sync = source.random() < 0.5
    key = (source.choice('kl') if kind in (EXECUTE, JOB)
           and source.random() < 0.3 else None)
    token = f'{"s" if sync else "a"}{index}' if kind == EXECUTE else (
        f'j{index}')
    if key and kind == EXECUTE:
        sync = key == 'k'
        token = f'{"s" if sync else "a"}{key}'
    return Request(
        at, _choose_api(source, setup), kind, token, sync,
        cloud_module.ALIAS if key else source.choice((
            cloud_module.PLAIN, cloud_module.RETRIED, cloud_module.ALIAS)),
        key, source.random() < 0.2, source.randint(0, 3),
        (source.choice(('once', 'skip', 'all')),
         source.choice((None, 1, 2, 3)), source.choice(_PATTERNS),
         source.random() < 0.5))


def create_plan(seed):
    """Return the plan of a seed."""
    source = faults.create_random(seed)
    setup = faults.create_setup(source)
    return faults.Plan(setup, create_requests(source, setup),
                       faults.create_faults(source, setup))


class Workload:
    """Sends the requests of a plan."""

    def __init__(self, cloud, requests):
        self._cloud = cloud
        self._scheduler = cloud.scheduler
        self._requests = requests
        self.history = []
        self.waiting = len(requests)
        self._ctx = cloud_module.caller()

    def start(self):
        """Send the requests in time."""
        for request in self._requests:
            self._scheduler.spawn(self._cloud.world, 'user', self._send,
                                  request)

    def _send(self, request):
        scheduler, cloud = self._scheduler, self._cloud
        scheduler.sleep(request.at)
        while request.place not in cloud.cores:
            scheduler.sleep(0.2)
        process = cloud.processes[request.place]
        record = Record(request, scheduler.now)
        self.history.append(record)
        task = scheduler.spawn(process, f'{request.kind} {request.token}',
                               self._run, record,
                               cloud.cores[request.place])
        if not task.is_done:
            task.waiters.append(scheduler.current)
            scheduler.park()
        self.waiting -= 1

    def _run(self, record, core):
        request = record.request
        scheduler = self._scheduler
        scheduler.log(f'request: {request}')
        method = getattr(self, f'_{request.kind.replace(" ", "_")}')
        try:
            value, outcome = method(core, request), OK
        except exception.Unavailable as e:
            value, outcome = e, UNAVAILABLE
        except exception.ExecutionDeleted as e:
            value, outcome = e, DELETED
        except exception.QinlingError as e:
            value, outcome = e, REFUSED
        except Exception as e:
            value, outcome = e, FAILED
        if not scheduler.current.process.is_alive:
            return  # nothing answers
        record.value, record.outcome = value, outcome
        record.ended = scheduler.now
        scheduler.log(f'answer: {record.outcome} {record.value!r:.300}')

    def _reference(self, request):
        if request.function == cloud_module.ALIAS:
            return {'function_alias': cloud_module.ALIAS}
        return {'function_id': self.function_id(request.function)}

    @staticmethod
    def function_id(name):
        """Return the id of a function."""
        return database.FILE.select(
            'SELECT id FROM functions WHERE name = ?', name)[0]['id']

    @staticmethod
    def _key(request):
        return request.key and idempotency.create_request(
            request.key, (cloud_module.PROJECT, request.kind))

    def _execute(self, core, request):
        row = core.triggers.fire(self._ctx, records.ExecutionRequest(
            sync=request.sync, input={'token': request.token,
                                      'fails': request.fails},
            **self._reference(request)), self._key(request))
        return row.id

    def _pick(self, sql, request):
        rows = database.FILE.select(sql)
        return rows[request.number % len(rows)]['id'] if rows else None

    def _cancel(self, core, request):
        """Cancel an execution, now and then an ended one."""
        is_any = request.number % 3 == 0
        id = self._pick("SELECT id FROM executions WHERE status = 'running' "
                        f'OR {is_any} ORDER BY id', request)
        return id and core.executions.cancel(self._ctx, id).id

    def _delete(self, core, request):
        id = self._pick('SELECT id FROM executions ORDER BY id', request)
        return id and core.executions.delete(self._ctx, id)

    def _job(self, core, request):
        misfire, count, pattern, _ = request.options
        return core.jobs.create(self._ctx, {
            'pattern': pattern, 'misfire': misfire, 'count': count,
            'function_input': {'token': request.token},
            **self._reference(request)}, self._key(request)).id

    def _change_job(self, core, request):
        id = self._pick('SELECT id FROM jobs ORDER BY id', request)
        _, _, pattern, is_pause = request.options
        if id is None:
            return None
        status = core.jobs.get(self._ctx, id).status
        changes = {'pattern': pattern}
        if is_pause:
            changes = {'status': 'paused' if status == 'running'
                       else 'running'}
        return core.jobs.update(self._ctx, id, changes).id

    def _publish(self, core, request):
        return core.versions.create(
            self._ctx, self.function_id(cloud_module.PLAIN)).version_number

    def _move(self, core, request):
        row = core.aliases.update(self._ctx, cloud_module.ALIAS, {
            'function_version': request.number})
        return row.revision, None

    def _read(self, core, request):
        row = core.aliases.get(self._ctx, cloud_module.ALIAS)
        return row.revision, row.function_version

    def _delete_version(self, core, request):
        core.versions.delete(self._ctx, self.function_id(
            cloud_module.PLAIN), max(1, request.number))

    def _delete_alias(self, core, request):
        core.aliases.delete(self._ctx, cloud_module.ALIAS)

    def _create_alias(self, core, request):
        return core.aliases.create(self._ctx, {
            'name': cloud_module.ALIAS, 'function_version': request.number,
            'function_id': self.function_id(cloud_module.PLAIN)}).revision
