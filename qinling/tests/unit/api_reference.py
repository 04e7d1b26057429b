# SPDX-License-Identifier: Apache-2.0
"""Reading the API reference, and running its samples.

The pages in ``doc/source/api`` keep to these forms, which are read here:

* An operation begins with a field list; ``Query`` and ``Sort keys`` are there
  only if it has any::

    :Request: ``GET /v1/functions``
    :Policy: ``function:get_all`` (reader)
    :Query: ``limit``, ``marker``
    :Sort keys: ``created_at``, ``name``
    :Answer: 200, ``functions``: list of ``Function``

* A ``list-table`` with the name of a WSME type has its attributes; one with
  the title ``Request``, behind an operation, what a user sends; one with the
  title ``Faults`` status codes and faultstrings, with ``{words}`` for what
  varies.
* Two ``code-block:: http`` are a sample: a request and its answer.  The
  samples of a page are run in their order.  In an answer ``...`` stands for
  any text, and ``{some_id}`` for an id, which is the same wherever it is
  written again.  A comment ``.. setup: some_id`` has a request without an
  answer; ``{some_id}`` is the id of what it makes, if it is named.
* ``package: a.zip (main.py: <code>)``, last in a form, is a ZIP file with that
  code, and ``(a.zip)`` in an answer the bytes of it.
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
import zipfile

import webob

from qinling.core.execution import inputs
from qinling.core.execution import lifecycle
from qinling.core.execution import records
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
BLOCK = re.compile(r'\.\. (code-block:: http|setup:) ?(\w*)$')
ID = re.compile(r'\{(\w+_id)\}')
PACKAGE = re.compile(r'(\S+\.zip) \((\S+): *(.*)\)', re.DOTALL)
OPERATION = re.compile(
    r'^:Request: ``(\w+) (\S+)``\n:Policy: ``(\S+)`` \((\w+)\)\n', re.M)


# Reading a page

@dataclasses.dataclass
class Message:
    """A request or an answer: its first line, its headers and its body.

    ``line`` is where it is; ``setup`` is ``None`` in a sample, else the name
    for the id of what is made, or nothing.
    """

    line: int
    setup: str | None
    first: str
    headers: dict
    body: str


def messages(page):
    """Every :class:`Message` of a page."""
    lines = page.splitlines()
    for number, line in enumerate(lines, 1):
        if found := BLOCK.match(line):
            block = itertools.takewhile(
                lambda each: not each or each[0] == ' ', lines[number:])
            head, _, body = textwrap.dedent(
                '\n'.join(block)).strip('\n').partition('\n\n')
            first, *headers = head.split('\n')
            yield Message(number, found[2] if found[1] == 'setup:' else None,
                          first, dict(each.split(': ', 1) for each in headers),
                          body)


def operations(page):
    """(method, path, policy, role) -> the text about that operation."""
    starts = list(OPERATION.finditer(page))
    ends = [each.start() for each in starts[1:]] + [len(page)]
    return {start.groups(): page[start.start():end]
            for start, end in zip(starts, ends)}


def field(text, name):
    """What a field list says of a name."""
    found = re.search(rf'^:{name}: (.*(?:\n  .*)*)', text, re.M)
    return ' '.join(found[1].split()) if found else ''


def tables(text):
    """Title -> rows -> cells of each ``list-table``."""
    found = {}
    for part in re.split(r'^\.\. list-table:: ', text, flags=re.M)[1:]:
        title, _, rest = part.partition('\n')
        body = re.match(r'(?:(?: +.*)?\n)*', rest)[0]
        rows = re.split(r'^   \* - ', body, flags=re.M)[2:]
        found[title] = [[' '.join(cell.split()) for cell in re.split(
            r'^     -(?: |$)', row, flags=re.M)] for row in rows]
    return found


# Running samples

class Difference(Exception):
    """An answer is not that of the sample."""


#: The description of an execution that does not end by itself.
LONG = 'A long one'


class Toy:
    """An engine that runs functions in this process, and does what nobody
    waits for after the answer."""

    def __init__(self, api):
        self._api = api
        self._later = []
        self._workers = collections.defaultdict(list)
        api.engine.answers.update(
            run=self._run,
            pool_capacity=lambda id: {'total': 3, 'available': 3},
            start=self._start,
            ensure_runtime=lambda id, _: self._later.append(
                lambda: self._move(id, states.RuntimeStatus.AVAILABLE)),
            list_workers=lambda *key: self._workers[key],
            scale_up=self._scale_up)

    def _scale_up(self, target, count):
        self._workers[target.function_key].extend(
            f'worker-{number}' for number in range(1, count + 1))

    def _start(self, message, target):
        row = self._api.row(models.Execution, message.id)
        if row.description != LONG:
            self._later.append(lambda: self._run(message, target))

    def catch_up(self):
        """Do what was left for later."""
        while self._later:
            self._later.pop(0)()

    def _move(self, id, status):
        self._api.db.write(
            lambda tx: crud.change_status(
                tx, models.Runtime, id, status.value))

    def _run(self, message, target):
        args, kwargs = inputs.arguments(message.input)
        status, printed = states.ExecutionStatus.SUCCESS, io.StringIO()
        reason = None
        try:
            with contextlib.redirect_stdout(printed):
                output = self._load(target)(*args, **kwargs)
        except Exception as e:
            status, output = states.ExecutionStatus.FAILED, str(e)
            reason = states.ExecutionReason.USER_ERROR
        return lifecycle.finish(self._api.db, message.id, records.Outcome(
            status, json.dumps({'output': output, 'duration': 0.000123}),
            agent_outcome.format_log(message.id, printed.getvalue()),
            reason))

    def _load(self, target):
        source = self._api.backends.sources[target.code['source']]
        module, _, name = target.entry.rpartition('.')
        found = {}
        with source.open(target.code, target.package) as package:
            exec(zipfile.ZipFile(package).read(f'{module}.py'), found)
        return found[name]


def _value(body):
    """What JSON says; what is none is left as it is."""
    try:
        return json.loads(body)
    except ValueError:
        return body


class Runner:
    """Runs the samples of a page against an API."""

    def __init__(self, api):
        self._api = api
        self._toy = Toy(api)
        self._ids = {}
        self._packages = {}

    def run(self, page):
        """Run a page.

        :raises Difference: at the first sample that is wrong.
        """
        waiting = iter(messages(page))
        for request in waiting:
            answer = self._send(request)
            self._toy.catch_up()
            if request.setup is None:
                self._check(next(waiting, request), answer)
            elif answer.status_int >= 300:
                raise Difference(f'Line {request.line}: {answer.body!r}')
            elif request.setup:
                self._ids[request.setup] = answer.json['id']

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
        return ID.sub(lambda found: self._ids[found[1]], text)

    def _form(self, body):
        """name -> text, or a (name of a file, its bytes)."""
        pairs = re.findall(r'^(\w+): (.*(?:\n .*)*)', body, re.M)
        form = dict(pairs)
        if found := PACKAGE.fullmatch(form.get('package', '')):
            name, member, code = found.groups()
            code = textwrap.dedent(code.lstrip('\n'))
            self._packages[name] = fixtures.archive({member: code})
            form['package'] = name, self._packages[name]
        return form

    def _differences(self, sample, answer):
        """Sentences about what is not as in the sample."""
        yield from self._compare(sample.first, f'HTTP/1.1 {answer.status}',
                                 'the status')
        for name, value in sample.headers.items():
            yield from self._compare(value, answer.headers.get(name),
                                     f'the header {name}')
        if package := re.fullmatch(r'\((\S+\.zip)\)', sample.body):
            yield from self._compare(
                self._packages[package[1]], answer.body, 'the package')
        elif sample.headers.get('Content-Type') == JSON:
            yield from self._compare(
                _value(sample.body), _value(answer.body), 'the body')
        else:
            yield from self._compare(
                sample.body, answer.body.decode().rstrip('\n'), 'the body')

    def _compare(self, wanted, real, where):
        """Sentences about where a value is not as it should be."""
        if type(wanted) is not type(real):
            yield f'{where} should be {wanted!r}, and is {real!r}'
        elif isinstance(wanted, dict):
            if set(wanted) != set(real):
                yield (f'{where} should have the keys {sorted(wanted)}, and '
                       f'has {sorted(real)}')
            for key in wanted.keys() & real.keys():
                yield from self._compare(wanted[key], real[key],
                                         f'{where}.{key}')
        elif isinstance(wanted, list):
            if len(wanted) != len(real):
                yield (f'{where} should have {len(wanted)} items, and has '
                       f'{len(real)}')
            for number, pair in enumerate(zip(wanted, real)):
                yield from self._compare(*pair, f'{where}[{number}]')
        elif not (self._matches(wanted, real) if isinstance(wanted, str)
                  else wanted == real):
            yield f'{where} should be {wanted!r}, and is {real!r}'

    def _matches(self, wanted, real):
        """Whether a text is as in a sample; ids that it tells are kept."""
        pattern = ''
        for part in re.split(r'(\{\w+_id\}|\.\.\.)', wanted):
            name = ID.fullmatch(part)
            if name and name[1] not in self._ids:
                pattern += rf'(?P<{name[1]}>[\w-]+)'
            else:
                pattern += ('.+' if part == '...'
                            else re.escape(self._fill(part)))
        found = re.fullmatch(pattern, real, re.DOTALL)
        self._ids.update(found.groupdict() if found else {})
        return bool(found)
