# SPDX-License-Identifier: Apache-2.0
"""Checks of the form of the documents that Sphinx does not make."""

import pathlib
import re

from oslotest import base

from qinling.client import shell

CHECKOUT = pathlib.Path(__file__).parents[3]
SOURCE = CHECKOUT / 'doc' / 'source'
#: Beginning of a page: a title, perhaps after a label or an option.
TITLE = re.compile(
    r'(?:(?::|\.\. )[^\n]*\n|\n)*(?:=+\n)? *[^\s=][^\n]*\n==+\n')
#: Command in a sentence, up to the first word that is no name.
COMMAND = re.compile(r'``qinling((?:\s+[a-z][a-z-]*)+)')
#: Pages that are files of the checkout.
INCLUDE = re.compile(r'\.\. include:: (\S+)\n')


def is_command(manager, words):
    """Return whether words begin with a command, or are a noun of some."""
    try:
        manager.find_command(words)
    except ValueError:
        names = [name.split() for name in manager.commands]
        names += [name[1:] for name in names if name[0] == 'function']
        return any(name[:len(words)] == words for name in names)
    return True


class DocumentsTest(base.BaseTestCase):

    def test_commands_in_sentences(self):
        manager = shell.Shell([]).command_manager
        wrong = {}
        for path in (*SOURCE.rglob('*.rst'), CHECKOUT / 'README.rst',
                     *(CHECKOUT / 'releasenotes').rglob('*.yaml')):
            texts = [match[1] for match in COMMAND.finditer(
                path.read_text('utf-8'))]
            wrong[path.name] = [text for text in texts if not is_command(
                manager, text.split())]
        self.assertGreater(len(wrong), 100)
        self.assertEqual({}, {name: texts for name, texts in wrong.items()
                              if texts})

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
