# SPDX-License-Identifier: Apache-2.0
"""APIs and engines, composed as their commands compose them."""

from qinling import conf as qinling_conf
from qinling import context
from qinling.core.function import environment
from qinling.core import secrets
from qinling.core import services
from qinling.db import crud
from qinling.db import engines
from qinling.db import models
from qinling.db import session
from qinling.engine import endpoint
from qinling.engine import service
from qinling import exception
from qinling import message_bus
from qinling.rpc import bus as bus_client
from qinling.rpc import direct_server
from qinling.tests.simulation import bus as bus_module
from qinling.tests.simulation import database
from qinling.tests.simulation import network
from qinling.tests.simulation import scheduler as scheduler_module
from qinling.tests.simulation import threads
from qinling.tests.simulation import workers

PROJECT = 'project'
SECRET = 'secret of the engines'
OPTIONS = {
    'engine': {'lease': 6, 'queue_timeout': 5, 'sweep_interval': 2,
               'import_timeout': 2, 'threads': 6, 'function_concurrency': 2,
               'stop_timeout': 2, 'max_attempts': 3},
    'api': {'threads': 16}}
#: Functions: without a policy, and with retries.
PLAIN, RETRIED = 'plain', 'retried'
#: Function with a flow control, and its concurrency.
CONTROLLED, MAX_CONTROLLED = 'controlled', 1
ALIAS = 'live'
TIMEOUT = 8
#: APIs, and engines.
MAX_PROCESSES = 3
MAX_RETRIES = 2


def caller():
    """Return the context of the users."""
    return context.RequestContext(project_id=PROJECT, user_id='user',
                                  roles=[])


class Clients:
    """Core in a process, as an API has it."""

    def __init__(self, conf, db, engine):
        self.services = services.create_services(
            conf, db, engine, create_backends(conf, db))


def create_backends(conf, db):
    """Return backends without storage and Keystone."""
    return services.Backends(
        {'package': workers.Source()}, workers.Packages(), workers.Trusts(),
        environment.Environments(conf, db, secrets.Secrets(conf)))


def create_conf(path):
    """Return the configuration of all processes."""
    conf = qinling_conf.load([], [])
    conf.set_override('connection', f'sqlite:///{path}', group='database')
    for group, values in OPTIONS.items():
        for name, value in values.items():
            conf.set_override(name, value, group=group)
    # A hook would keep its process in memory after the run.
    conf.register_mutate_hook = lambda hook: None
    return conf


def fill(conf):
    """Write the rows that every run starts with.

    Create the engines of SQLAlchemy as well, so that a run does not depend on
    earlier ones.
    """
    for slot in ('setup', *(f'{kind}{number}' for kind in ('api', 'engine')
                            for number in range(MAX_PROCESSES))):
        scheduler = scheduler_module.Scheduler(0)
        threads.use(scheduler)
        process = scheduler_module.Process(slot, slot=slot)
        scheduler.spawn(process, 'main', _fill if slot == 'setup'
                        else _create_database, conf)
        scheduler.run(1)
        scheduler.close()
        database.FILE.end(process)
        if scheduler.errors:
            raise scheduler.errors[0][1]
    database.FILE.keep()


def _create_database(conf):
    return session.Database(conf, shared=True)


def _fill(conf):
    db = session.Database(conf, shared=True)
    core = Clients(conf, db, None).services
    ctx = caller()
    runtime = db.write(lambda tx: crud.insert(
        tx, models.Runtime, project_id=PROJECT, image='python3',
        status='available'))
    policy = {'retries': MAX_RETRIES, 'delay': 2, 'max_age': None,
              'on_failure': None}
    for name, policy, control in (
            (PLAIN, None, None), (RETRIED, policy, None),
            (CONTROLLED, policy, {'concurrency': MAX_CONTROLLED})):
        id = db.write(lambda tx: crud.insert(
            tx, models.Function, project_id=PROJECT, name=name,
            code={'source': 'package'}, package='key', entry='main.main',
            cpu=100, memory_size=1 << 20, timeout=TIMEOUT,
            async_policy=policy, runtime_id=runtime, flow_control=control))
        core.versions.insert(ctx, id, core.versions.prepare(ctx, id))
        if name == PLAIN:
            core.aliases.create(ctx, {
                'name': ALIAS, 'function_id': id, 'function_version': 1})
    core.quotas.update(PROJECT, {'concurrent_executions': -1})


class Cloud:
    """A deployment of one run.

    :param setup: see :class:`.faults.Setup`.
    """

    def __init__(self, conf, scheduler, setup, fates):
        self.conf = conf
        self.scheduler = scheduler
        self.setup = setup
        self.world = scheduler_module.Process('network', slot='network')
        network.NETWORK.reset(self.world, fates.delay)
        self.hall = workers.Hall(scheduler, fates.choose_worker_fate)
        self.bus = bus_module.Bus(scheduler, self.world,
                                  fates.choose_message_fate)
        database.FILE.fate = fates.choose_commit_fate
        #: Place -> process, and place -> core of an API.
        self.processes = {}
        #: Processes that will start again.
        self.restarts = 0
        self.cores = {}
        #: Name of an engine -> time of its end, if it ended.
        self.ends = {}
        self._ports = 0
        self.is_over = False

    def places(self):
        """Return the names of the processes."""
        return ([f'api{number}' for number in range(self.setup.apis)]
                + [f'engine{number}' for number in range(
                    self.setup.engines)])

    def start(self):
        """Start all processes."""
        for place in self.places():
            self.start_process(place)

    def start_process(self, place, skew=None):
        """Start a process."""
        process = scheduler_module.Process(place, slot=place)
        process.hall = self.hall
        if skew is not None:
            process.skew = skew
        self.processes[place] = process
        process.on_end.append(lambda: self._clean_up(process))
        self.scheduler.spawn(process, 'main', self._run, process)

    def _clean_up(self, process):
        database.FILE.end(process)
        network.NETWORK.end(process)
        self.bus.servers = [server for server in self.bus.servers
                            if server.process is not process]
        self.cores.pop(process.name, None)
        if process.owner:
            self.ends[process.owner] = self.scheduler.now

    def restart_later(self, process, seconds):
        """End a process now, and start its successor after a time."""
        self.scheduler.end(process)
        self.scheduler.log(f'{process.name} ends')
        self.restarts += 1
        self.scheduler.spawn(self.world, 'restart', self._restart, process,
                             seconds)

    def _restart(self, process, seconds):
        self.scheduler.sleep(seconds)
        self.scheduler.log(f'{process.name} starts again')
        self.restarts -= 1
        self.start_process(process.name, process.skew)

    def _run(self, process):
        """Run a process; the supervisor restarts what does not start."""
        run = (self._run_api if process.name.startswith('api')
               else self._run_engine)
        try:
            run(process)
        except exception.Unavailable as e:
            self.scheduler.log(f'{process.name} does not start: {e}')
            self.restart_later(process, 1)

    def _run_api(self, process):
        db = session.Database(self.conf, shared=True)
        client = bus_client.EngineClient(self.conf, self.bus, db)
        self.cores[process.name] = Clients(self.conf, db, client).services

    def _run_engine(self, process):
        conf = self.conf
        db = session.Database(conf, shared=True)
        engine = service.Engine(
            conf, db, workers.Orchestrator(self.hall, process),
            create_backends(conf, db))
        process.owner = engine.owner
        receiver = endpoint.Endpoint(engine, conf.engine.threads)
        engine.start_service()
        direct = self._listen(process, engine, receiver)
        server = bus_module.Server(
            process, engine.bus_name, message_bus.Receiver(receiver))
        self.bus.servers.append(server)
        process.stop = threads.Event()
        process.stop.wait()
        self.bus.servers.remove(server)
        if direct is not None:
            engine.heartbeat.publish(None)
            direct.leave(conf.engine.stop_timeout)
        engine.stop_service()
        if direct is not None:
            direct.stop()
        db.close()
        self.restart_later(process, 0.5)

    def _listen(self, process, engine, receiver):
        """Start the server of direct connections."""
        if not self.setup.is_direct:
            return None
        self._ports += 1
        server = direct_server.Server(
            network.Listener(process, self._ports), receiver, engine.owner,
            SECRET)
        server.start()
        engine.heartbeat.publish(engines.Address(
            engine.owner, 'host', self._ports, SECRET, False))
        return server
