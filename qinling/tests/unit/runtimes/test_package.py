# SPDX-License-Identifier: Apache-2.0
"""Tests of hostile and unusual packages."""

import io
import os
import stat
import struct
import zipfile

import fixtures
from oslotest import base

from qinling.runtimes import agent_package
from qinling.tests.unit.runtimes import agents

MIB = agents.MIB


def entry(name, mode=0):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


class TestUnpack(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.parent = self.useFixture(fixtures.TempDir()).path
        self.directory = os.path.join(self.parent, 'code')
        os.mkdir(self.directory)

    def unpack(self, archive, max_size=MIB):
        agent_package.unpack(io.BytesIO(archive), self.directory, max_size)

    def check_refused(self, archive, part, max_size=MIB):
        error = self.assertRaises(agent_package.UnsafePackage, self.unpack,
                                  archive, max_size)
        self.assertIn(part, str(error))
        self.assertEqual(['code'], os.listdir(self.parent))

    def read(self, name):
        with open(os.path.join(self.directory, name), 'rb') as source:
            return source.read()

    def mode(self, name):
        return stat.S_IMODE(os.stat(
            os.path.join(self.directory, name)).st_mode)

    def test_files_and_directories(self):
        self.unpack(agents.zipped({
            'main.py': b'code', 'empty/': b'', 'a/b/c.txt': b'deep',
            'r\u00e4ksm\u00f6rg\u00e5s': b'odd'}))
        self.assertEqual(b'code', self.read('main.py'))
        self.assertEqual(b'deep', self.read('a/b/c.txt'))
        self.assertEqual(b'odd', self.read('r\u00e4ksm\u00f6rg\u00e5s'))
        self.assertTrue(os.path.isdir(os.path.join(self.directory, 'empty')))

    def test_only_the_executable_bit_is_kept(self):
        self.unpack(agents.zipped({
            entry('plain', stat.S_IFREG | 0o600): b'',
            entry('program', stat.S_IFREG | 0o6755): b'',
            entry('unreadable', stat.S_IFREG): b''}))
        self.assertEqual(0, self.mode('plain') & 0o111)
        self.assertTrue(self.mode('program') & 0o100)
        self.assertEqual(0, self.mode('program') & 0o6000)
        self.assertTrue(self.mode('unreadable') & 0o400)

    def test_paths_that_lead_out(self):
        for name in ('/etc/passwd', '../outside', 'a/../../outside', '..',
                     'a/..'):
            self.check_refused(agents.zipped({entry(name): b'x'}), repr(name))
        self.assertEqual([], os.listdir(self.directory))

    def test_nothing_is_written_before_all_is_checked(self):
        self.check_refused(agents.zipped({'main.py': b'', '../x': b''}),
                           '../x')
        self.assertEqual([], os.listdir(self.directory))

    def test_name_with_a_null(self):
        archive = agents.zipped({'name_null': b'x'})
        self.check_refused(archive.replace(b'name_null', b'name\0null'),
                           'cannot contain NUL')

    def test_devices(self):
        for kind in (stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK):
            self.check_refused(agents.zipped(
                {entry('odd', kind | 0o777): b'/etc'}), 'special file')

    def link(self, path, target, **files):
        """Return an archive with a link and files."""
        return agents.zipped({entry(path, stat.S_IFLNK | 0o777): target,
                              **files})

    def test_links(self):
        self.unpack(self.link('bin/tool', '../tool', tool=b'x'))
        self.assertEqual('../tool', os.readlink(
            os.path.join(self.directory, 'bin/tool')))
        self.assertEqual(b'x', self.read('bin/tool'))

    def test_links_that_lead_out(self):
        for target in ('/etc', '../x', 'a/../../x'):
            self.check_refused(self.link('link', target), 'leads outside')
        self.check_refused(agents.zipped({
            entry('a', stat.S_IFLNK | 0o777): '..', 'a/x': b''}), 'below')

    def test_dependencies_after_the_package(self):
        self.unpack(agents.zipped({'main.py': b'own', 'lib/a': b'own'}))
        self.unpack(agents.zipped({'main.py': b'', 'lib/a': b'',
                                   'lib/b': b'new'}))
        self.assertEqual([b'own', b'own', b'new'], [
            self.read(name) for name in ('main.py', 'lib/a', 'lib/b')])

    def test_dependencies_are_not_written_through_links(self):
        for target in ('elsewhere', '.', 'main.py'):
            self.unpack(self.link('modules', target))
            self.check_refused(agents.zipped({'modules/a': b''}),
                               "need a directory 'modules'")
            os.unlink(os.path.join(self.directory, 'modules'))

    def test_backslashes(self):
        self.unpack(agents.zipped({entry('pkg\\a.py'): b'x',
                                   entry('empty\\'): b''}))
        self.assertEqual(b'x', self.read('pkg/a.py'))
        self.assertTrue(os.path.isdir(os.path.join(self.directory, 'empty')))

    def test_the_same_name_twice(self):
        with self.assertWarns(UserWarning):
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, 'w') as target:
                target.writestr('twice', b'1')
                target.writestr('twice', b'2')
        self.check_refused(archive.getvalue(), "holds 'twice' more than once")

    def test_file_and_directory_of_one_name(self):
        self.check_refused(agents.zipped({'a': b'x', 'a/b': b'x'}), 'a')

    def test_too_large(self):
        self.unpack(agents.zipped({'exact': b'x' * 1000}), 1000)
        self.check_refused(agents.zipped({'a': b'x' * 600, 'b': b'x' * 600}),
                           'at most 1000 are allowed', 1000)

    def test_bomb(self):
        self.check_refused(agents.zipped({'bomb': b'\0' * 50 * MIB}),
                           'unpacks to 52428800 bytes')
        self.assertEqual([], os.listdir(self.directory))

    def test_directory_that_lies_about_the_size(self):
        content = b'x' * 100000
        archive = agents.zipped({'liar': content})
        true, false = (struct.pack('<I', size) for size in (100000, 10))
        self.assertIn(true, archive)
        self.check_refused(archive.replace(true, false), 'not a valid ZIP',
                           1000)
        written = os.path.join(self.directory, 'liar')
        self.assertLessEqual(os.path.getsize(written), 1000)

    def test_too_many_files(self):
        self.check_refused(agents.zipped({
            str(number): b'' for number in range(30001)}), '30000')

    def test_not_a_zip(self):
        for archive in (b'', b'PK', b'x' * 1000,
                        agents.zipped({'a': b'x' * 1000})[:-30]):
            self.check_refused(archive, 'not a valid ZIP')

    def test_damaged(self):
        archive = bytearray(agents.zipped({'a': os.urandom(1000)}))
        archive[100] ^= 0xff
        self.check_refused(bytes(archive), 'not a valid ZIP')

    def test_encrypted(self):
        archive = agents.zipped({'a': b'x'})
        # Bit 0 of the flags, in the local and in the central header.
        local, central = archive.index(b'PK\3\4'), archive.index(b'PK\1\2')
        archive = bytearray(archive)
        archive[local + 6] |= 1
        archive[central + 8] |= 1
        self.check_refused(bytes(archive), 'encrypted')

    def test_unknown_compression(self):
        archive = bytearray(agents.zipped({'a': b'x'}))
        archive[archive.index(b'PK\1\2') + 10] = 97
        archive[archive.index(b'PK\3\4') + 8] = 97
        self.check_refused(bytes(archive), "compresses 'a' by method 97")


class TestLoad(base.BaseTestCase):
    def test_unsafe_package_spoils_the_worker(self):
        agent = self.useFixture(agents.Agent())
        client = agent.connect()
        reply = client.load(agents.zipped({'../main.py': b''}))
        self.assertEqual(400, reply.status)
        self.assertIn('../main.py', reply.json['error'])
        self.assertEqual('spoiled', client.status()['state'])
        self.assertEqual(409, client.try_execute().status)
        self.assertEqual(409, client.load(agents.package('hello')).status)

    def test_size_is_that_of_the_settings(self):
        agent = self.useFixture(agents.Agent())
        reply = agent.connect().load(agents.package('hello'),
                                     max_unpacked_size=10)
        self.assertEqual(400, reply.status)
        self.assertIn('at most 10 are allowed', reply.json['error'])
