# SPDX-License-Identifier: Apache-2.0
"""Tests of code as an image."""

from oslotest import base

from qinling import exception
from qinling.sources import image

GOOD = ('python', 'python:3.12', 'library/python', 'quay.io/org/app:v1.2-x',
        'localhost:5000/a', '[fd00::1]:5000/a', 'a_b/c__d/e-f.g',
        'x@sha256:' + 'a' * 64, 'reg.example/x:tag@sha256:' + '0' * 64,
        'A.example/x')
BAD = ('Upper', 'a b', 'a\nb', 'a:', ':tag', 'a//b', '/a', 'a/', 'a:b c',
       'a@sha256:short', 'a;b', '$(x)', 'a' * 256, 'http://x/y', 'a\n',
       'a:' + 'b' * 129, '-a', 'a..b')


class TestImage(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.source = image.Driver()

    def check_refused(self, part, action, *args):
        error = self.assertRaises(exception.QinlingError, action, *args)
        self.assertIn(part, str(error))
        return error.http_code

    def test_good_names(self):
        for name in GOOD:
            self.assertEqual(
                ({'source': 'image', 'image': name}, None),
                self.source.create({'source': 'image', 'image': name,
                                    'more': 1}, None))

    def test_bad_names(self):
        for name in BAD + (5, ['python'], {'a': 1}, True):
            self.assertEqual(400, self.check_refused(
                'not the name of an image', self.source.create,
                {'image': name}, None), name)

    def test_no_name(self):
        for code in ({}, {'image': None}, {'image': ''}):
            self.assertEqual(400, self.check_refused(
                'Required param is missing', self.source.create, code, None))

    def test_image_cannot_be_changed_or_downloaded(self):
        self.assertEqual(400, self.check_refused(
            'can not be changed', self.source.update, {}, None, None))
        self.assertEqual(405, self.check_refused(
            'not allowed', self.source.open, {}, None))
