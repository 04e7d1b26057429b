# SPDX-License-Identifier: Apache-2.0
"""Parser of the API reference and runner of the samples.

The pages in ``doc/source/api`` have these forms:

* An operation begins with a field list; ``Query`` and ``Sort keys`` are
  optional::

    :Request: ``GET /v1/functions``
    :Policy: ``function:get_all`` (reader)
    :Query: ``limit``, ``marker``
    :Sort keys: ``created_at``, ``name``
    :Answer: 200, ``functions``: list of ``Function``

* A ``list-table`` with the name of a WSME type lists the attributes; a table
  ``Request`` after an operation, the fields of the request; a table
  ``Faults``, status codes and faultstrings, with ``{words}`` for variable
  parts.
* Two ``code-block:: http`` are a sample: a request and the answer. Samples
  run in the order of the page. In an answer ``...`` stands for any text, and
  ``{some_id}`` for an id, equal at each occurrence. A comment
  ``.. setup: some_id`` has a request without an answer; ``{some_id}``, if
  present, is the id of the new resource.
* ``package: a.zip (main.py: <code>)``, last in a form, is a ZIP file with the
  code, and ``(a.zip)`` in an answer the bytes of the file.
"""

import collections
import contextlib
import dataclasses
import io
import itertools
import json
import pathlib
import re
import textwrap
import time
import zipfile

import webob

from qinling.core.execution import inputs
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.db import crud
from qinling.db import models
from qinling.runtimes import agent_outcome
from qinling import states
from qinling.tests import fixtures

TOP = pathlib.Path(__file__).parents[3]
PAGES = {path.name: path.read_text('utf-8')
         for path in sorted((TOP / 'doc/source/api').glob('*.rst'))}
URL = 'http://localhost:7070'
JSON = 'application/json'
PROBLEM = 'application/problem+json'
BLOCK = re.compile(r'\.\. (code-block:: http|setup:) ?(\w*)$')
ID = re.compile(r'\{(\w+_id)\}')
PACKAGE = re.compile(r'(\S+\.zip) \((\S+): *(.*)\)', re.DOTALL)
OPERATION = re.compile(
    r'^:Request: ``(\w+) (\S+)``\n:Policy: ``(\S+)`` \((\w+)\)\n', re.M)


# Parse a page

@dataclasses.dataclass
class Message:
    """A request or an answer: first line, headers and body.

    ``line`` is the line number; ``setup`` is ``None`` in a sample, else the
    name for the id of the new resource, or empty.
    """

    line: int
    setup: str | None
    first: str
    headers: dict
    body: str


def parse_messages(page):
    """Yield every :class:`Message` of a page."""
    lines = page.splitlines()
    for number, line in enumerate(lines, 1):
        if match := BLOCK.match(line):
            block = itertools.takewhile(
                lambda text: not text or text[0] == ' ', lines[number:])
            head, _, body = textwrap.dedent(
                '\n'.join(block)).strip('\n').partition('\n\n')
            first, *headers = head.split('\n')
            yield Message(number, match[2] if match[1] == 'setup:' else None,
                          first, dict(text.split(': ', 1) for text in headers),
                          body)


def parse_operations(page):
    """Return (method, path, policy, role) -> text of the operation."""
    starts = list(OPERATION.finditer(page))
    ends = [match.start() for match in starts[1:]] + [len(page)]
    return {start.groups(): page[start.start():end]
            for start, end in zip(starts, ends)}


def parse_field(text, name):
    """Return the text of a field of a field list."""
    match = re.search(rf'^:{name}: (.*(?:\n  .*)*)', text, re.M)
    return ' '.join(match[1].split()) if match else ''


def parse_tables(text):
    """Return title -> rows -> cells of each ``list-table``."""
    cells = {}
    for part in re.split(r'^\.\. list-table:: ', text, flags=re.M)[1:]:
        title, _, rest = part.partition('\n')
        body = re.match(r'(?:(?: +.*)?\n)*', rest)[0]
        rows = re.split(r'^   \* - ', body, flags=re.M)[2:]
        cells[title] = [[' '.join(cell.split()) for cell in re.split(
            r'^     -(?: |$)', row, flags=re.M)] for row in rows]
    return cells


# Run samples

class Difference(Exception):
    """An answer differs from the sample."""


#: The description of an execution that runs until its cancellation.
ENDLESS = 'A long one'


class InProcessEngine:
    """Engine that runs functions in this process.

    Asynchronous work runs after the answer.
    """

    def __init__(self, api):
        self._api = api
        self._pending = []
        self._workers = collections.defaultdict(list)
        api.engine.answers.update(
            run=self._run,
            pool_capacity=lambda id: {'total': 3, 'available': 3},
            start=self._start,
            ensure_runtime=lambda id: self._pending.append(
                lambda: self._move(id, states.RuntimeStatus.AVAILABLE)),
            list_workers=lambda *key: self._workers[key],
            scale_up=self._scale_up)

    def _scale_up(self, target, count):
        self._workers[target.function_key].extend(
            f'worker-{number}' for number in range(1, count + 1))

    def _start(self, message, target):
        row = self._api.row(models.Execution, message.id)
        if row.description != ENDLESS:
            self._pending.append(lambda: self._run(message, target))

    def run_pending(self):
        """Run the pending work."""
        while self._pending:
            self._pending.pop(0)()

    def _move(self, id, status):
        self._api.db.write(
            lambda tx: crud.change_status(
                tx, models.Runtime, id, status.value))

    def _run(self, message, target):
        args, kwargs = inputs.arguments(message.input)
        started = time.perf_counter()
        status, printed = states.ExecutionStatus.SUCCESS, io.StringIO()
        reason = None
        try:
            with contextlib.redirect_stdout(printed):
                output = self._load(target)(*args, **kwargs)
        except Exception as e:
            status, output = states.ExecutionStatus.FAILED, str(e)
            reason = states.ExecutionReason.USER_ERROR
        return lifecycle.finish(self._api.db, message.id, outcomes.Outcome(
            status, json.dumps({'output': output, 'duration': 0.000123}),
            agent_outcome.format_log(message.id, printed.getvalue()),
            reason, outcomes.Run(started, 0.000123, 0., 9437184)))

    def _load(self, target):
        source = self._api.backends.sources[target.code['source']]
        module, _, name = target.entry.rpartition('.')
        namespace = {}
        with source.open(target.code, target.package) as package:
            exec(zipfile.ZipFile(package).read(f'{module}.py'), namespace)
        return namespace[name]


def _decode(body):
    """Decode JSON, or return other text unchanged."""
    try:
        return json.loads(body)
    except ValueError:
        return body


class SampleRunner:
    """Run the samples of a page against an API."""

    def __init__(self, api):
        self._api = api
        self._engine = InProcessEngine(api)
        self.ids = {}
        self._packages = {}

    def insert_dead_letters(self):
        """Insert what the samples of dead letters show."""
        for name, project, payload, trigger in (
                ('letter_id', 'default', '{"events": []}', 'event_source'),
                ('big_id', 'default', None, 'job'),
                ('other_id', 'default', '{}', 'job')):
            self.ids[name] = self._api.insert(
                models.DeadLetter, project_id=project, payload=payload,
                reason='The body is no JSON.', size=14, trigger=trigger)

    def run(self, page):
        """Run a page.

        :raises Difference: at the first sample that is wrong.
        """
        remaining = iter(parse_messages(page))
        for request in remaining:
            answer = self._send(request)
            self._engine.run_pending()
            if request.setup is None:
                self._check(next(remaining, request), answer)
            elif answer.status_int >= 300:
                raise Difference(f'Line {request.line}: {answer.body!r}')
            elif request.setup:
                self.ids[request.setup] = answer.json['id']

    def _check(self, sample, answer):
        if wrong := list(self._differences(sample, answer)):
            raise Difference('\n'.join([
                f'The answer in line {sample.line} is wrong:', *wrong,
                f'It is {answer.status}, {dict(answer.headers)}, '
                f'{answer.body!r}']))

    def _send(self, message):
        method, path, _ = self._fill(message.first).split(' ')
        headers = {name: self._fill(value)
                   for name, value in message.headers.items()}
        content = {'method': method, 'base_url': URL}
        if headers.get('Content-Type') == 'multipart/form-data':
            del headers['Content-Type']
            content['POST'] = self._form(self._fill(message.body))
        elif message.body:
            content['body'] = self._fill(message.body).encode()
        request = webob.Request.blank(path, **content)
        request.headers.update(headers)
        return request.get_response(self._api.app)

    def _fill(self, text):
        return ID.sub(lambda match: self.ids[match[1]], text)

    def _form(self, body):
        """Return name -> text, or (name of a file, bytes)."""
        pairs = re.findall(r'^(\w+): (.*(?:\n .*)*)', body, re.M)
        form = dict(pairs)
        if match := PACKAGE.fullmatch(form.get('package', '')):
            name, member, code = match.groups()
            code = textwrap.dedent(code.lstrip('\n'))
            self._packages[name] = fixtures.archive({member: code})
            form['package'] = name, self._packages[name]
        return form

    def _differences(self, sample, answer):
        """Yield the differences from a sample."""
        yield from self._compare(sample.first, f'HTTP/1.1 {answer.status}',
                                 'the status')
        for name, value in sample.headers.items():
            yield from self._compare(value, answer.headers.get(name),
                                     f'the header {name}')
        if package := re.fullmatch(r'\((\S+\.zip)\)', sample.body):
            yield from self._compare(
                self._packages[package[1]], answer.body, 'the package')
        elif sample.headers.get('Content-Type') in (JSON, PROBLEM):
            yield from self._compare(
                _decode(sample.body), _decode(answer.body), 'the body')
        else:
            yield from self._compare(
                sample.body, answer.body.decode().rstrip('\n'), 'the body')

    def _compare(self, expected, actual, place):
        """Yield the differences between an expected and an actual value."""
        if expected == '...' and isinstance(actual, float):
            return
        if type(expected) is not type(actual):
            yield f'{place} should be {expected!r}, and is {actual!r}'
        elif isinstance(expected, dict):
            if set(expected) != set(actual):
                yield (f'{place} should have the keys {sorted(expected)}, and '
                       f'has {sorted(actual)}')
            for key in expected.keys() & actual.keys():
                yield from self._compare(expected[key], actual[key],
                                         f'{place}.{key}')
        elif isinstance(expected, list):
            if len(expected) != len(actual):
                yield (f'{place} should have {len(expected)} items, and has '
                       f'{len(actual)}')
            for number, pair in enumerate(zip(expected, actual)):
                yield from self._compare(*pair, f'{place}[{number}]')
        elif not (self._matches(expected, actual) if isinstance(expected, str)
                  else expected == actual):
            yield f'{place} should be {expected!r}, and is {actual!r}'

    def _matches(self, expected, actual):
        """Return whether a text matches a sample, and record new ids."""
        pattern = ''
        for part in re.split(r'(\{\w+_id\}|\.\.\.)', expected):
            name = ID.fullmatch(part)
            if name and name[1] not in self.ids:
                pattern += rf'(?P<{name[1]}>[\w-]+)'
            else:
                pattern += ('.+' if part == '...'
                            else re.escape(self._fill(part)))
        match = re.fullmatch(pattern, actual, re.DOTALL)
        self.ids.update(match.groupdict() if match else {})
        return bool(match)
