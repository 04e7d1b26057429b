# SPDX-License-Identifier: Apache-2.0
"""Property tests: a worker unpacks exactly the packages the API accepts."""

import io
import os
import shutil
import tempfile
import zipfile

import hypothesis
from hypothesis import strategies
from oslotest import base

from qinling import exception
from qinling.runtimes import agent_package
from qinling.sources import package
from qinling.tests import fixtures
from qinling.tests.unit.runtimes import zip_forms
from qinling.tests.unit.sources import test_package

MIB = 1 << 20
SEED = int(os.environ.get('QINLING_TEST_SEED', '0'))
#: Multiplies the numbers of examples, for long runs.
FACTOR = int(os.environ.get('QINLING_TEST_EXAMPLES', '1'))


def examples(number):
    """Return a decorator that runs a property with a number of examples."""
    def decorate(test):
        return hypothesis.seed(SEED)(hypothesis.settings(
            max_examples=number * FACTOR, deadline=None, database=None,
            suppress_health_check=list(hypothesis.HealthCheck))(test))
    return decorate


NAMES = strategies.text('ab._- ñ😀', min_size=1, max_size=6).filter(
    lambda name: name not in ('.', '..'))
PATHS = strategies.lists(NAMES, min_size=1, max_size=3).map('/'.join)
CONTENTS = strategies.one_of(
    strategies.binary(max_size=40),
    strategies.binary(min_size=1, max_size=9).map(lambda data: data * 999))
MODES = strategies.sampled_from((zip_forms.FILE, zip_forms.PROGRAM,
                                 0o104755, 0o100600, 0))
#: Texts that are names of hostile members, too.
HOSTILE_NAMES = strategies.one_of(
    PATHS, strategies.text('ab./\\:\0C', max_size=9),
    strategies.sampled_from(('x' * 255, 'x' * 256, 'x/' * 400 + 'x',
                             '/'.join(['y' * 200] * 6), './a', 'a/.', '')))
TARGETS = strategies.lists(strategies.sampled_from(
    ('a', 'b', 'c', '..', '.', '')), min_size=1, max_size=5).map('/'.join)


@strategies.composite
def trees(draw):
    """Draw {path: (content, mode)}: files, directories and links."""
    tree = {}
    for path in draw(strategies.lists(PATHS, max_size=6, unique=True)):
        parents = [path[:index] for index, letter in enumerate(path)
                   if letter == '/']
        if any(tree.get(parent, (None,))[0] is not None
               for parent in parents) or any(
                   member.startswith(path + '/') for member in tree):
            continue
        target = '../' * len(parents) + 'missing'
        content = draw(strategies.one_of(
            CONTENTS, CONTENTS, strategies.none(), strategies.just(target)))
        tree[path] = (content, draw(MODES))
    return tree


def read_tree(directory):
    """Return {path: (content, whether executable)} of a directory."""
    tree = {}
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = os.path.join(parent, name)
            key = os.path.relpath(path, directory)
            if os.path.islink(path):
                tree[key] = (os.readlink(path), False)
            elif os.path.isdir(path):
                tree[key] = (None, False)
            else:
                with open(path, 'rb') as file:
                    tree[key] = (file.read(), os.access(path, os.X_OK))
                assert not os.stat(path).st_mode & 0o7000, path
    return tree


class TestForms(base.BaseTestCase):
    """Verdicts and results of both readers."""

    def setUp(self):
        super().setUp()
        conf = self.useFixture(fixtures.Conf(resource_limits={
            'max_package_files': 200, 'max_unpacked_size': MIB}))
        self.driver = package.Driver(conf.conf, test_package.Storage())

    def judge(self, data):
        """Return the error of the API, and the error and files of a worker.
        """
        error = worker_error = None
        try:
            self.driver.create({'source': 'package'}, io.BytesIO(data))
        except (exception.Invalid, exception.TooLarge) as e:
            error = str(e)
        parent = tempfile.mkdtemp()
        try:
            directory = os.path.join(parent, 'code')
            os.mkdir(directory)
            try:
                agent_package.unpack(io.BytesIO(data), directory, MIB)
            except agent_package.UnsafePackage as e:
                worker_error = str(e)
            self.assertEqual(['code'], os.listdir(parent))
            self.check_inside(directory)
            return error, worker_error, read_tree(directory)
        finally:
            shutil.rmtree(parent)

    def check_inside(self, directory):
        """Check that no link leads outside."""
        root = os.path.realpath(directory)
        for parent, directories, files in os.walk(directory):
            for name in directories + files:
                path = os.path.realpath(os.path.join(parent, name))
                self.assertEqual(root, os.path.commonpath([root, path]))

    @examples(150)
    @hypothesis.given(trees(), strategies.sampled_from(
        sorted(zip_forms.FORMS, key=lambda form: form.__name__)),
        strategies.sampled_from((b'', b'#!/bin/sh\nexit\n')),
        strategies.booleans(), strategies.sampled_from((b'', b'PK\5\6')))
    def test_usual_programs(self, tree, form, prefix, zip64, comment):
        if not zip_forms.FORMS[form]:
            tree = {path: (content, 0) for path, (content, _mode) in
                    tree.items() if not isinstance(content, str)}
        data = zip_forms.build(form(tree), prefix, comment, zip64,
                               counts_prefix=zip64)
        error, worker_error, result = self.judge(data)
        self.assertEqual((None, None), (error, worker_error))
        for path, (content, mode) in tree.items():
            executable = (isinstance(content, bytes)
                          and bool(mode & 0o111))
            self.assertEqual((content, executable), result.pop(path), path)
        self.assertEqual(set(), {path for path, (content, _executable)
                                 in result.items() if content is not None
                                 and form is not zip_forms.macos})

    @examples(150)
    @hypothesis.given(strategies.dictionaries(PATHS, CONTENTS, max_size=5))
    def test_python(self, files):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        error, worker_error, result = self.judge(buffer.getvalue())
        self.assertEqual(error, worker_error)
        if error is None:
            self.assertEqual(files, {
                path: content for path, (content, _executable)
                in result.items() if content is not None})
        else:
            self.assertIn('as a file and as a directory', error)

    @examples(400)
    @hypothesis.given(strategies.lists(strategies.tuples(
        HOSTILE_NAMES, strategies.one_of(CONTENTS, TARGETS),
        strategies.sampled_from((
            zip_forms.FILE, zip_forms.LINK, zip_forms.DIRECTORY, 0o010644,
            0o020644, 0))), max_size=6))
    def test_hostile_names(self, members):
        error, worker_error, _result = self.judge(zip_forms.build([
            zip_forms.Entry(name.encode(), content if isinstance(
                content, bytes) else content.encode(), mode)
            for name, content, mode in members]))
        self.assertEqual(error, worker_error)

    @examples(200)
    @hypothesis.given(strategies.lists(strategies.tuples(
        strategies.sampled_from(('a', 'b', 'c', 'a/b', 'a/c', 'b/a', 'b/c')),
        TARGETS), max_size=6, unique_by=lambda link: link[0]))
    def test_chains_of_links(self, links):
        error, worker_error, _result = self.judge(zip_forms.build([
            zip_forms.Entry(path.encode(), target.encode(), zip_forms.LINK)
            for path, target in links]))
        self.assertEqual(error, worker_error)

    @examples(400)
    @hypothesis.given(trees(), strategies.sampled_from((
        zip_forms.info_zip, zip_forms.macos, zip_forms.seven_zip)),
        strategies.data())
    def test_damage(self, tree, form, data):
        archive = bytearray(zip_forms.build(form(tree)))
        for _number in range(data.draw(strategies.integers(1, 3))):
            index = data.draw(strategies.integers(0, len(archive) - 1))
            archive[index] = data.draw(strategies.integers(0, 255))
        cut = data.draw(strategies.integers(0, 5))
        archive = archive[:len(archive) - cut]
        error, worker_error, _result = self.judge(bytes(archive))
        self.assertEqual(error, worker_error)

    @examples(200)
    @hypothesis.given(
        strategies.sampled_from(('local', 'central')),
        strategies.dictionaries(strategies.sampled_from(
            ('flags', 'method', 'crc', 'compressed', 'size')),
            strategies.integers(0, 0xffff), min_size=1),
        strategies.booleans(), CONTENTS)
    def test_lies(self, place, lies, descriptor, content):
        entries = [zip_forms.Entry(b'a', b'first'), zip_forms.Entry(
            b'main.py', content, descriptor=descriptor, **{place: lies})]
        error, worker_error, result = self.judge(zip_forms.build(entries))
        self.assertEqual(error, worker_error)
        if error is None:
            self.assertEqual(content, result['main.py'][0])
        else:
            self.assertIn("'main.py'", error)

    def test_positions_beyond_any_file(self):
        archive = zip_forms.build(zip_forms.seven_zip(
            {'a': (b'', zip_forms.FILE), 'b': (b'x' * 9000, zip_forms.FILE)}))
        # The last member has a position of 64 bits.
        start = archive.rindex(b'PK\1\2')
        self.assertIn(b'\1\0\x18\0', archive[start:])
        for index in range(start, len(archive)):
            damaged = bytearray(archive)
            damaged[index] = 0x80
            error, worker_error, _result = self.judge(bytes(damaged))
            self.assertEqual(error, worker_error)
