# SPDX-License-Identifier: Apache-2.0
"""Configurations, databases, cores and APIs of single tests."""

import io
import json
import pathlib
import zipfile

import fixtures
import sqlalchemy
import webob

from qinling.api import app
from qinling import conf as qinling_conf
from qinling import context
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import services
from qinling.db import crud
from qinling.db import models
from qinling.db import prepared
from qinling import policy
from qinling.states import ExecutionStatus
from qinling.tests import databases
from qinling.tests import described_statuses

PROJECT = 'default'
JSON = 'application/json'


def caller(project=PROJECT, *roles, enforcer=None):
    """Return a caller from a project.

    Without an enforcer every action is allowed.
    """
    return context.RequestContext(
        project_id=project, user_id=f'user of {project}', roles=list(roles),
        enforcer=enforcer)


def archive(files):
    """Return the bytes of a ZIP file of {path: text or bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as zip_file:
        for name, content in files.items():
            zip_file.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


#: A package that could be run.
PACKAGE = archive({'main.py': 'def main(**kwargs):\n    return 1\n'})


def execution_request(function_id=None, **values):
    """Return a synchronous execution request."""
    return records.ExecutionRequest(
        **{'function_id': function_id, 'sync': True, **values})


class Conf(databases.Fixture):
    """Configuration, ``conf``, of one test.

    :param groups: group -> {option: value}.
    """

    def __init__(self, **groups):
        super().__init__()
        self._groups = groups

    def _setUp(self):
        self.conf = qinling_conf.load([], [])
        for group, values in self._groups.items():
            for name, value in values.items():
                self.set(group, name, value)

    def set(self, group, name, value):
        """Give an option a value."""
        self.conf.set_override(name, value, group=group)


def configured(test, **groups):
    """Return a configuration read from a file.

    Use a file for options with late registration.

    :param groups: group -> {option: value}.
    """
    text = ''.join(f'[{group}]\n' + ''.join(
        f'{name} = {value}\n' for name, value in options.items())
        for group, options in groups.items())
    path = test.create_tempfiles([('qinling', text)])[0]
    return qinling_conf.load(['--config-file', path])


class FakeEngine:
    """Engine client with prepared answers.

    ``calls`` has each verb with the arguments, in order. ``answers`` has the
    result of a verb: a value, an exception to raise, or a function of the
    arguments.
    """

    owner = None
    writes_rows = False

    def __init__(self):
        self.calls = []
        self.answers = {'list_workers': []}
        self.is_full = False

    def has_room(self, _target):
        return not self.is_full

    def verbs(self):
        """Return the called verbs."""
        return [call[0] for call in self.calls]

    def _answer(self, verb, *arguments):
        self.calls.append((verb, *arguments))
        answer = self.answers.get(verb)
        if isinstance(answer, Exception):
            raise answer
        return answer(*arguments) if callable(answer) else answer

    def run(self, message, target):
        return self._answer('run', message, target)

    def start(self, message, target):
        return self._answer('start', message, target)

    def start_stream(self, message, target):
        return self._answer('start_stream', message, target)

    def read_stream(self, id, owner, offset, seconds):
        return self._answer('read_stream', id, owner, offset, seconds)

    def is_alive(self, owner):
        return self._answer('is_alive', owner)

    def read_log(self, id, owner, offset):
        return self._answer('read_log', id, owner, offset)

    def cancel(self, id):
        return self._answer('cancel', id)

    def ensure_runtime(self, id):
        return self._answer('ensure_runtime', id)

    def delete_runtime(self, id):
        return self._answer('delete_runtime', id)

    def pool_capacity(self, id):
        return self._answer('pool_capacity', id)

    def list_workers(self, function_id, version, local=False):
        return self._answer('list_workers', function_id, version)

    def scale_up(self, target, count):
        return self._answer('scale_up', target, count)

    def scale_down(self, target, count, keep=1):
        return self._answer('scale_down', target, count)

    def install(self, target):
        return self._answer('install', target)

    def detach(self, function_id, version):
        return self._answer('detach', function_id, version)


class Core(databases.Fixture):
    """Core, ``services``, over a database, a storage and a fake engine.

    Executions succeed immediately.

    :param backend: see :class:`qinling.tests.databases.Database`.
    :param groups: options, see :class:`Conf`.
    """

    def __init__(self, backend='sqlite', **groups):
        super().__init__()
        self._backend = backend
        self._groups = groups

    def _setUp(self):
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.conf = self.useFixture(Conf(**self._groups)).conf
        self.conf.set_override(
            'file_system_dir', self.directory, group='storage')
        self.database = self.useFixture(
            databases.Database(self._backend))
        self.db = self.database.db
        self.engine = FakeEngine()
        self.engine.answers['run'] = self.succeed
        self.backends = services.create_backends(self.conf, self.db)
        self.services = services.create_services(
            self.conf, self.db, self.engine, self.backends)
        self.addCleanup(lambda: self.services.close())

    def succeed(self, message, _target, result='{"output": 1}', logs='a log'):
        """Finish an execution as the engine does."""
        # Some tests pass a row, or an object with an id.
        is_controlled = getattr(message, 'is_controlled', None) is True
        return lifecycle.finish(self.db, message.id, outcomes.Outcome(
            ExecutionStatus.SUCCESS, result, logs,
            is_controlled=is_controlled))

    def insert(self, model, **values):
        """Return the id of a new row."""
        return self.db.write(
            lambda tx: crud.insert(
                tx, model, **databases.sample(model, **values)))

    def row(self, model, id):
        """Return a row of any project, or ``None``."""
        return self.db.read(
            lambda tx: crud.get(tx, context.admin(), model, id=id))

    def packages(self):
        """Return the names of the stored packages."""
        return sorted(path.name for path in pathlib.Path(
            self.directory).rglob('*') if path.is_file())

    def runtime(self, **values):
        """Return the id of a runtime."""
        return self.insert(models.Runtime, **values)

    def function(self, ctx=None, package=PACKAGE, **fields):
        """Return a function created as users do."""
        if 'runtime_id' not in fields:
            fields['runtime_id'] = self.runtime()
        fields.setdefault('code', {'source': 'package'})
        return self.services.functions.create(
            ctx or caller(), fields, io.BytesIO(package))

    def watch_statements(self, callback):
        """Pass each later SQL statement to ``callback``."""
        for engine in (self.db.engine, self.db._reader):
            sqlalchemy.event.listen(
                engine, 'before_cursor_execute',
                lambda _c, _u, statement, *_: callback(statement))
        execute = prepared._execute

        def watch(tx, form, params):
            callback(form.sql)
            return execute(tx, form, params)
        self.useFixture(fixtures.MockPatchObject(prepared, '_execute', watch))


class Strategy:
    """Identification of callers by a function."""

    def __init__(self, identify):
        self.identify = identify


class HeaderStrategy:
    """Identification by the headers ``X-Project-Id`` and ``X-Roles``."""

    def __init__(self, enforcer):
        self._enforcer = enforcer

    def identify(self, environ):
        """Return the context of the caller."""
        roles = environ.get('HTTP_X_ROLES', '')
        return caller(environ.get('HTTP_X_PROJECT_ID', PROJECT),
                      *filter(None, roles.split(',')), enforcer=self._enforcer)


class Api(Core):
    """API, ``app``, over a :class:`Core`.

    :param enforcing: whether policies are enforced; see
        :class:`HeaderStrategy`.
    """

    def __init__(self, backend='sqlite', enforcing=False, **groups):
        super().__init__(backend, **groups)
        self._enforcing = enforcing

    def _setUp(self):
        super()._setUp()
        strategy = None
        if self._enforcing:
            self.enforcer = policy.Enforcer(self.conf)
            strategy = HeaderStrategy(self.enforcer)
        self.app = app.create_app(self.services, strategy)

    def restart(self):
        """Build the API again with the current options."""
        self.services = services.create_services(
            self.conf, self.db, self.engine, self.backends)
        self.app = app.create_app(self.services)

    def request(self, method, path, body=None, kind=JSON, **headers):
        """Return the response to a request.

        :param body: bytes to send as ``kind``, or a value to encode as JSON.
        :param headers: names with underscores for dashes.
        """
        request = webob.Request.blank(path, method=method)
        if body is not None:
            request.body = (body if isinstance(body, bytes)
                            else json.dumps(body).encode())
            request.content_type = kind
        request.headers.update({name.replace('_', '-'): value
                                for name, value in headers.items()})
        answer = request.get_response(self.app)
        described_statuses.check(method, path, answer.status_int)
        return answer
