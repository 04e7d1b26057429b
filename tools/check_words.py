# SPDX-License-Identifier: Apache-2.0
"""Check the language of the source, the documents and the logs.

Print ``file:line: sentence`` for each finding and exit with code 1 if there
is any.  ``tools/check_sizes.py`` runs the same checks.  ``--report`` prints
the rates per directory instead.  ``doc/source/reference/glossary.rst`` names
the terms to use.
"""

import ast
import collections
from collections.abc import Iterator
import dataclasses
import pathlib
import re
import subprocess
import sys

#: Words that plain present-day technical English does not use.
ARCHAIC = re.compile(
    r'\b(?:whoever|whatever|whomever|whom|whosoever|anew|somebody|'
    r'(?<!\')nobody|'  # the name of a user
    r'anybody|'
    r'(?<!a Secret to )everybody|'  # an example of GitHub
    r'shall|lest|begun|bears?|by and by|to be had|'
    r'is (?-i:none)|are none|had better|for ever|nothing of|thereof|therein|'
    r'hither|thither|whence|whither|whereupon|hereby|but once|but for)\b',
    re.IGNORECASE)
#: Pronouns, which make a reader search for their nouns.
PRONOUN = re.compile(
    r'\b(?:he|him|his|she|her|it|its|they|them|their|who|whom|whose|what|'
    r'whatever|whoever|that|those|these|this|which|one|ones|nobody|'
    r'somebody|anybody|everybody|something|nothing|anything|none|others)\b',
    re.IGNORECASE)
WORD = re.compile(r"[A-Za-z][A-Za-z']*")
#: Pronouns per 100 words of docstrings.
MAX_PRONOUN_RATE = 4.0
#: Names of variables that name no thing.
VAGUE_BINDINGS = frozenset((
    'all_', 'another', 'asked', 'begun', 'both', 'chosen', 'each', 'every',
    'found', 'given', 'gone', 'held', 'kept', 'known', 'least', 'left',
    'lost', 'made', 'meant', 'more', 'most', 'named', 'needed', 'one',
    'other', 'others', 'own', 'said', 'seen', 'sent', 'shown', 'some',
    'taken', 'these', 'those', 'told', 'wanted', 'what', 'which', 'who'))
#: First words of docstrings that are no imperative verbs.
NOT_VERBS = frozenset((
    'a', 'all', 'always', 'an', 'and', 'another', 'any', 'as', 'both', 'each',
    'every', 'for', 'from', 'how', 'in', 'it', 'its', 'like', 'more', 'most',
    'no', 'not', 'of', 'one', 'only', 'other', 'our', 'some', 'that', 'the',
    'these', 'this', 'those', 'to', 'true', 'until', 'what', 'when', 'where',
    'whether', 'which', 'who', 'why', 'with', 'within', 'without', 'your'))
#: Imperative verbs that end like nouns in the plural or like participles.
VERBS = frozenset((
    'access', 'address', 'bypass', 'compress', 'discuss', 'dismiss',
    'embed', 'exceed', 'express', 'feed', 'focus', 'guess', 'need', 'pass',
    'press', 'proceed', 'process', 'seed', 'shed', 'suppress', 'bring',
    'ping', 'string'))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (*FUNCTIONS, ast.ClassDef, ast.Module)
TEXTS = ('.py', '.rst', '.sh', '.js', '.yaml', '.cfg', '.ini', '.conf')
#: Files that have to contain the words.
EXEMPT = ('tools/check_words.py', 'qinling/tests/unit/tools/')
#: Functions as users write them.
SAMPLES = ('qinling/tests/functions/', 'tools/samples/')


@dataclasses.dataclass
class Rates:
    """Counts of words, pronouns and lines of a set of files."""

    words: int = 0
    pronouns: int = 0
    lines: int = 0
    archaic: int = 0
    bindings: int = 0
    vague: int = 0
    functions: int = 0
    documented: int = 0
    imperative: int = 0

    def add(self, other: 'Rates') -> None:
        """Add the counts of another set of files."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name)
                    + getattr(other, field.name))

    def pronoun_rate(self) -> float:
        """Return the number of pronouns per 100 words of docstrings."""
        return 100 * self.pronouns / max(1, self.words)

    def __str__(self) -> str:
        return (
            f'{self.lines:6} lines, '
            f'{1000 * self.archaic / max(1, self.lines):4.1f} archaic words '
            f'per 1000, {self.pronoun_rate():4.1f} pronouns per 100 words, '
            f'{100 * self.imperative / max(1, self.documented):5.1f} % '
            f'imperative, '
            f'{100 * self.vague / max(1, self.bindings):4.2f} % vague names')


def archaic_words(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with words of another century."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in ARCHAIC.finditer(line):
            yield number, f'{match.group()!r} is not plain technical English'


def is_imperative(docstring: str) -> bool:
    """Return whether a docstring begins with an imperative verb."""
    match = re.match(r'[A-Za-z]+\b', docstring)
    if match is None or not match.group()[0].isupper():
        return False
    word = match.group().lower()
    return word in VERBS or not (
        word in NOT_VERBS or word.endswith(('s', 'ed', 'ing')))


def docstrings(tree: ast.Module) -> Iterator[tuple[ast.AST, int, str]]:
    """Yield (node, line, text) for every docstring of a module."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            text = ast.get_docstring(node)
            if text:
                yield node, getattr(node, 'lineno', 1), text


def moods(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the functions whose docstring begins with no verb."""
    for node, line, text in docstrings(tree):
        if isinstance(node, FUNCTIONS) and not is_imperative(text):
            yield line, (f'the docstring of {node.name} does not begin with '
                         'an imperative verb')


def bindings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, name) for every name that a module binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def vague_bindings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the bindings whose name names no thing."""
    for line, name in bindings(tree):
        if name in VAGUE_BINDINGS:
            yield line, f'{name!r} does not say which thing it is'


def measure(text: str, tree: ast.Module | None) -> Rates:
    """Count the words of one file."""
    rates = Rates(lines=len(text.splitlines()),
                  archaic=sum(1 for _ in archaic_words(text)))
    if tree is None:
        return rates
    for node, _, docstring in docstrings(tree):
        rates.words += len(WORD.findall(docstring))
        rates.pronouns += len(PRONOUN.findall(docstring))
        if isinstance(node, FUNCTIONS):
            rates.documented += 1
            rates.imperative += is_imperative(docstring)
    for _, name in bindings(tree):
        rates.bindings += 1
        rates.vague += name in VAGUE_BINDINGS
    return rates


def read(root: pathlib.Path, paths: list[str]) -> Iterator[
        tuple[str, str, ast.Module | None]]:
    """Yield (path, text, tree) for the files of the checkout.

    :param paths: files or directories to restrict the check to.
    """
    listed = subprocess.run(
        ['git', 'ls-files', '-co', '--exclude-standard', '--', *paths],
        cwd=root, capture_output=True, text=True, check=True).stdout
    for name in sorted(listed.splitlines()):
        path = root / name
        if (name.endswith(TEXTS) and not name.startswith(EXEMPT)
                and path.is_file()):
            text = path.read_text('utf-8')
            parsed = name.endswith('.py') and not name.startswith(SAMPLES)
            yield name, text, ast.parse(text, name) if parsed else None


def check(root: pathlib.Path, paths: list[str] | None = None) -> Iterator[str]:
    """Yield ``file:line: sentence`` for every finding below a directory."""
    total = Rates()
    for name, text, tree in read(root, paths or []):
        total.add(measure(text, tree))
        findings = list(archaic_words(text))
        if tree is not None:
            findings += [*moods(tree), *vague_bindings(tree)]
        for line, sentence in findings:
            yield f'{name}:{line}: {sentence}.'
    if total.pronoun_rate() > MAX_PRONOUN_RATE:
        yield (f'./:1: {total.pronoun_rate():.1f} of 100 words in docstrings '
               f'are pronouns, more than {MAX_PRONOUN_RATE:g}; repeat the '
               'nouns.')


def report(root: pathlib.Path, paths: list[str]) -> Iterator[str]:
    """Yield the rates of every directory and of the whole."""
    total = Rates()
    directories: dict[str, Rates] = collections.defaultdict(Rates)
    for name, text, tree in read(root, paths):
        rates = measure(text, tree)
        total.add(rates)
        directories[str(pathlib.PurePath(name).parent)].add(rates)
    for directory, rates in directories.items():
        yield f'{rates}  {directory}'
    yield f'{total}  in all'


def main(arguments: list[str]) -> int:
    """Check or report on the named paths, else on the whole checkout."""
    root = pathlib.Path(__file__).parents[1]
    if arguments[:1] == ['--report']:
        print('\n'.join(report(root, arguments[1:])))
        return 0
    findings = list(check(root, arguments))
    print('\n'.join(findings or ['The words are plain.']))
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
