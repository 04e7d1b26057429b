# SPDX-License-Identifier: Apache-2.0
"""Checks of the form of the documents that Sphinx does not make."""

import pathlib
import re

from oslotest import base

SOURCE = pathlib.Path(__file__).parents[3] / 'doc' / 'source'
#: Beginning of a page: a title, perhaps after a label or an option.
TITLE = re.compile(
    r'(?:(?::|\.\. )[^\n]*\n|\n)*(?:=+\n)? *[^\s=][^\n]*\n==+\n')
#: Pages that are files of the checkout.
INCLUDE = re.compile(r'\.\. include:: (\S+)\n')


class DocumentsTest(base.BaseTestCase):

    def test_titles(self):
        for path in SOURCE.rglob('*.rst'):
            text = path.read_text('utf-8')
            if included := INCLUDE.fullmatch(text):
                text = (path.parent / included[1]).read_text('utf-8')
            self.assertIsNotNone(TITLE.match(text), path)

    def test_numbers_of_decisions(self):
        directory = SOURCE / 'contributor' / 'decisions'
        listed = re.findall(r'\* - (\d+)\n     - :doc:`[^<]*<(\d+)',
                            (directory / 'index.rst').read_text('utf-8'))
        numbers = []
        for path in sorted(directory.glob('0*.rst')):
            number = int(path.name.partition('-')[0])
            self.assertIn(f'\n{number}. ', path.read_text('utf-8'), path)
            numbers.append((number, number))
        self.assertEqual(numbers, [(int(row), int(file))
                                   for row, file in listed])
