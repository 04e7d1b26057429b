# SPDX-License-Identifier: Apache-2.0
"""Database, rows and fakes of the engine tests."""

from concurrent import futures
import datetime
import threading

import fixtures
from oslotest import base

from qinling import conf as qinling_conf
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.orchestrators import base as orchestrators

PATIENCE = 90
PAST = datetime.timedelta(hours=-1)
FUTURE = datetime.timedelta(hours=1)


class TestCase(base.BaseTestCase):
    """Test with a separate database."""

    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir())
        self.conf = qinling_conf.load([], [])
        self.conf.set_override(
            'connection', f'sqlite:///{directory.join("db")}',
            group='database')
        self.db = session.Database(self.conf)
        self.addCleanup(self.db.close)
        self.db.write(models.Base.metadata.create_all)

    def add(self, model, **values):
        """Return the id of a new row."""
        values.setdefault('project_id', 'p')
        return self.db.write(lambda tx: crud.insert(tx, model, **values))

    def add_runtime(self, status='available', image='python3'):
        """Return the id of a new runtime."""
        return self.add(models.Runtime, image=image, status=status)

    def add_function(self, runtime_id=None):
        """Return the id of a new function."""
        return self.add(
            models.Function, code={'source': 'package'}, package='key',
            entry='main.main', cpu=100, memory_size=1, timeout=5,
            runtime_id=runtime_id or self.add_runtime())

    def add_execution(self, function='f', lease=FUTURE, **values):
        """Return the id of a new execution."""
        values.setdefault('status', 'running')
        return self.add(models.Execution, function_id=function,
                        lease_until=lease and models.now() + lease,
                        **values)

    def row(self, model, id):
        """Return the current row, or ``None``."""
        rows = self.db.read(
            lambda tx: crud.select(tx, model, model.id == id))
        return rows[0] if rows else None

    def execution(self, id):
        """Return the current row of an execution."""
        return self.row(models.Execution, id)


def target(**changes):
    """Return a target."""
    values = dict(
        project_id='p', function_id='f', version=0, alias=None,
        runtime_id='r', runtime_status='available',
        code={'source': 'package'}, package='key', entry='main.main',
        cpu=100, memory_size=1, timeout=5)
    return targets.Target(**dict(values, **changes))


def message(id, sync, owner):
    """Return the message about an execution without input."""
    return records.ExecutionMessage(id, None, sync, owner)


def worker(name='w', function=None):
    """Return a worker without an agent."""
    return orchestrators.Worker(name, 'r', 'unix:/none', 'secret', function)


class Queue:
    """Submitter with a list of the queued executions."""

    def __init__(self):
        self.submitted = []

    def start(self, message, target):
        """Record an execution."""
        self.submitted.append((message, target))


class Timer:
    """Timer with a list of the scheduled attempts."""

    def __init__(self):
        self.waiting = []

    def schedule(self, at, id):
        """Record an attempt."""
        self.waiting.append((at, id))


class Local:
    """Queued or claimed executions of an engine."""

    def __init__(self):
        self.ids = []
        self.free_bytes = 1 << 30

    def local_ids(self):
        """Return the ids."""
        return self.ids

    def count_free_bytes(self):
        """Return the memory left for queued executions."""
        return self.free_bytes


class Background:
    """Background with immediate or recorded calls."""

    def __init__(self, runs=True):
        self.runs = runs
        self.calls = []

    def submit(self, action, *args):
        """Run or record a call; return an ended future."""
        future = futures.Future()
        future.set_result(None)
        if self.runs:
            action(*args)
        else:
            self.calls.append((action, *args))
        return future


class NoBuilds:
    """Builds of functions without dependencies."""

    def settle(self, target, is_abandoned):
        """Return at once."""


class Orchestrator(orchestrators.Orchestrator):
    """Orchestrator of worker names with the image ``python3``."""

    def __init__(self):
        self.images = {}
        self.alive = []
        self.old = []
        self.closed = threading.Event()

    def ensure_pool(self, runtime):
        if runtime.image != 'python3':
            raise exception.PermanentError(f'no image {runtime.image}')
        self.images[runtime.id] = runtime.image

    def delete_pool(self, runtime_id):
        self.images.pop(runtime_id, None)

    def pools(self):
        return {id: orchestrators.Capacity(3, 2) for id in self.images}

    def claim(self, runtime_id, function, limits, build=''):
        new_worker = worker(f'{function}-{len(self.alive)}', function)
        self.alive.append(new_worker)
        return new_worker

    def release(self, worker, disconnected=False):
        self.alive.remove(worker)

    def claimed(self):
        return list(self.alive)

    def outdated(self):
        return list(self.old)

    def describe(self):
        return {'isolation': 'none'}

    def close(self):
        self.closed.set()


class Evictor:
    """Owner of a number of idle workers."""

    def __init__(self, idle_workers):
        self.idle_workers = idle_workers

    def evict(self):
        if not self.idle_workers:
            return False
        self.idle_workers -= 1
        return True
