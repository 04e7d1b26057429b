# SPDX-License-Identifier: Apache-2.0
"""Digests of packages and of their parts."""

import hashlib
import io
import json
import zipfile

from oslotest import base

from qinling.core import digests
from qinling.runtimes import agent_archive

LIMITS = agent_archive.Limits(100, 1000, None)


def pack(files, year=2026, method=zipfile.ZIP_STORED, mode=0o644):
    """Return the hash of a package of names and texts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w', method) as archive:
        for name, text in files:
            info = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, text)
    return digests.hash_package(agent_archive.Archive(data, LIMITS))


class TestPackages(base.BaseTestCase):
    FILES = (('a.py', 'a'), ('b/c.py', 'c'))

    def test_form_of_the_archive_does_not_matter(self):
        same = {pack(self.FILES), pack(self.FILES, 2000),
                pack(self.FILES, method=zipfile.ZIP_DEFLATED),
                pack(self.FILES[::-1]),
                pack((('b/', ''), *self.FILES))}
        self.assertEqual(1, len(same))

    def test_content_matters(self):
        hashes = [pack(self.FILES), pack(self.FILES, mode=0o755),
                  pack((('a.py', 'b'), self.FILES[1])),
                  pack((('x.py', 'a'), self.FILES[1])),
                  pack(self.FILES[:1]), pack(()),
                  pack(self.FILES, mode=0o120777)]
        self.assertEqual(len(hashes), len(set(hashes)))

    def test_documented_form(self):
        content = hashlib.sha256(b'a').hexdigest()
        text = f'[["a.py","file",false,"{content}"]]'
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest(),
                         pack(self.FILES[:1]))

    def test_digest_of_parts(self):
        parts = {'b': '2', 'a': '1'}
        text = json.dumps(parts, sort_keys=True, separators=(',', ':'))
        self.assertEqual(
            'sha256:' + hashlib.sha256(text.encode()).hexdigest(),
            digests.combine(parts))
