# SPDX-License-Identifier: Apache-2.0
"""Blocks of the documents: commands with their output, and files.

A page contains:

* blocks of the language ``console``: lines after ``$`` are commands, other
  lines the expected output, where ``...`` is any text;
* blocks of code with a caption: files with this name;
* ``tab-item`` with ``:sync:``: alternatives, of which a reader follows one;
* comments before a block: ``.. not run: <reason>`` for a block that cannot
  run on a machine for tests, ``.. needs: <program>``, and ``.. exit code: 1``
  for a block whose last command fails.
"""

import dataclasses
import io
import re
import shutil
import subprocess

from docutils import core
from docutils import nodes
from docutils.parsers import rst
from docutils.parsers.rst import directives
from docutils.parsers.rst import roles

SHELLS = ('console', 'bash', 'sh', 'shell')
#: Languages of blocks that are neither commands nor files: a part of a file.
EXCERPTS = ('ini', 'json', 'none', 'text', 'yaml', 'http')
COMMENT = re.compile(r'(not run|needs|exit code):\s+(.*)', re.DOTALL)
PROMPT = re.compile(r'\$ ?')


class BadPage(Exception):
    """A block that the tests do not understand."""


@dataclasses.dataclass
class Block:
    """One block of a page.

    :param tab: name of the alternative, or None.
    :param caption: name of the file, or None for commands.
    :param marks: contents of the comments before the block.
    """

    text: str
    line: int
    tab: str | None
    caption: str | None
    marks: dict


@dataclasses.dataclass
class Command:
    """A command with the expected output."""

    text: str
    output: str
    line: int


class _Code(rst.Directive):
    """A block of code, as Sphinx has it."""

    has_content = True
    optional_arguments = 1
    option_spec = {name: directives.unchanged for name in (
        'caption', 'name', 'class', 'emphasize-lines', 'linenos')}

    def run(self):
        text = '\n'.join(self.content)
        node = nodes.literal_block(text, text)
        node.line = self.lineno
        node['language'] = (self.arguments or ['none'])[0]
        node['caption'] = self.options.get('caption')
        return [node]


class _Container(rst.Directive):
    """A directive with nested text."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = {name: directives.unchanged for name in (
        'sync', 'sync-group', 'class', 'gutter', 'link', 'link-type',
        'open', 'class-item', 'class-container', 'columns', 'padding')}

    def run(self):
        node = nodes.container()
        node['tab'] = self.options.get('sync')
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class _Ignored(rst.Directive):
    """A directive without commands."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = {name: directives.unchanged for name in (
        'maxdepth', 'hidden', 'caption', 'config-file', 'application',
        'alt', 'glob', 'titlesonly')}

    def run(self):
        return []


_DIRECTIVES = {
    'code-block': _Code,
    'grid': _Container, 'grid-item-card': _Container, 'tab-set': _Container,
    'tab-item': _Container, 'dropdown': _Container, 'glossary': _Ignored,
    'autoprogram-cliff': _Ignored, 'graphviz': _Ignored, 'layers': _Ignored,
    'show-options': _Ignored, 'show-policy': _Ignored, 'toctree': _Ignored}


def _parse(text):
    for name, directive in _DIRECTIVES.items():
        directives.register_directive(name, directive)
    for name in ('doc', 'ref', 'term', 'option'):
        roles.register_generic_role(name, nodes.literal)
    errors = io.StringIO()
    tree = core.publish_doctree(text, settings_overrides={
        'report_level': 2, 'warning_stream': errors,
        'input_encoding': 'unicode', 'file_insertion_enabled': False})
    if errors.getvalue():
        raise BadPage(errors.getvalue())
    return tree


def _marks(node):
    """Return the contents of the comments before a block."""
    marks = {}
    siblings = node.parent.children
    for sibling in reversed(siblings[:siblings.index(node)]):
        if not isinstance(sibling, nodes.comment):
            break
        if match := COMMENT.fullmatch(sibling.astext()):
            marks[match[1]] = ' '.join(match[2].split())
    return marks


def _tab(node):
    while node := node.parent:
        if node.get('tab'):
            return node['tab']
    return None


def _language(node):
    """Return the language; a plain block with a prompt has commands."""
    language = node.get('language', 'none')
    if language == 'none' and PROMPT.match(node.astext()):
        return 'console'
    return language


def read_blocks(text):
    """Return the blocks of a page that are files or commands.

    :raises BadPage: a block is neither, and has no reason for that.
    """
    blocks = []
    for node in _parse(text).findall(nodes.literal_block):
        language, caption = _language(node), node.get('caption')
        marks = _marks(node)
        if language not in SHELLS and not caption:
            if language not in EXCERPTS and 'not run' not in marks:
                raise BadPage(
                    f'The block of {language} in line {node.line} has neither '
                    f'a caption nor a reason not to run:\n{node.astext()}')
            if 'not run' not in marks:
                continue
        blocks.append(Block(node.astext(), node.line or 0, _tab(node),
                            caption, marks))
    return blocks


def _is_complete(command):
    if command.endswith('\\'):
        return False
    checked = subprocess.run([shutil.which('bash'), '-nc', command],
                             capture_output=True, text=True)
    if not checked.returncode and not checked.stderr:
        return True
    if re.search('unexpected (EOF|end)|here-document', checked.stderr):
        return False
    raise BadPage(f'{command}\n{checked.stderr}')


def read_commands(block):
    """Return the commands of a block of a shell, with the outputs."""
    commands, lines, is_open = [], [], False
    for number, line in enumerate(block.text.split('\n')):
        prompt = PROMPT.match(line)
        if is_open:
            lines.append(line.removeprefix('> '))
        elif prompt:
            lines = [line[prompt.end():]]
        elif commands:
            commands[-1].output += line + '\n'
            continue
        else:
            raise BadPage(f'No prompt in line {block.line}:\n{block.text}')
        command = '\n'.join(lines)
        is_open = not _is_complete(command)
        if not is_open:
            commands.append(Command(command, '', block.line + number))
    if is_open:
        raise BadPage(f'An incomplete command in line {block.line}:\n'
                      f'{block.text}')
    return commands


def matches(expected, output):
    """Return whether an output is as expected, except for white space.

    ``...`` in the expected output is any text.
    """
    parts = [r'\s+'.join(map(re.escape, part.split()))
             for part in expected.split('...')]
    return re.fullmatch(r'\s*' + r'.*'.join(
        rf'\s*{part}\s*' for part in parts), output, re.DOTALL) is not None
