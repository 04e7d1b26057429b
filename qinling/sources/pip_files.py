# SPDX-License-Identifier: Apache-2.0
"""requirements.txt: names and versions for pip.

The text is read as pip reads the file.  pip gets a normalized text, so that
both readings are the same.
"""

import codecs
from collections.abc import Iterator
import re

from packaging import requirements

from qinling import exception
from qinling.sources import wheels
from qinling import text_encodings

MAX_REQUIREMENTS = 2000
#: Of a requirement without its hashes.
MAX_REQUIREMENT_LENGTH = 1000
MAX_HASH_LENGTH = 200
#: Marks of an encoding at the start of a file, in the order of pip.
BOMS = ((codecs.BOM_UTF8, 'utf-8'), (codecs.BOM_UTF32_BE, 'utf-32-be'),
        (codecs.BOM_UTF32_LE, 'utf-32-le'), (codecs.BOM_UTF16_BE, 'utf-16-be'),
        (codecs.BOM_UTF16_LE, 'utf-16-le'))
# The patterns are applied to single words or to the first two lines only, and
# cannot backtrack: a pattern over a text of the user blocks the process.
_CODING = re.compile(rb'coding[:=]\s{0,9}([-\w.]{1,%d})'
                     % text_encodings.MAX_NAME_LENGTH)
_HASH = re.compile('--hash=[a-z0-9]{1,20}:[0-9a-fA-F]+')


def read(files: dict[str, bytes]) -> dict[str, str]:
    """Return the normalized text of requirements.txt.

    :param files: name -> content.
    :raises Invalid: a requirement is not from the index of the operator.
    """
    return {name: ''.join(f'{line}\n' for line in parse(decode(data)))
            for name, data in files.items()}


def decode(data: bytes) -> str:
    """Return the text of a file in one of the encodings that pip reads.

    :raises Invalid: the bytes are not text in the encoding.
    """
    encoding = 'utf-8'
    for bom, name in BOMS:
        if data.startswith(bom):
            data, encoding = data[len(bom):], name
            break
    else:
        for line in data.split(b'\n', 2)[:2]:
            match = line.startswith(b'#') and _CODING.search(line)
            if match:
                encoding = match[1].decode('ascii', 'replace')
                break
    try:
        codec = text_encodings.find(encoding)
        if codec is not None:
            return data.decode(codec)
    except UnicodeError:
        pass
    raise exception.Invalid(
        f'requirements.txt is not text in {encoding}; save the file in '
        'UTF-8.')


def find_wheels(text: str) -> list[str]:
    """Return the paths of wheels in a normalized text."""
    paths = (wheels.parse_path(line.split()[0])
             for line in text.splitlines())
    return [path for path in paths if path is not None]


def parse(text: str) -> list[str]:
    """Return the requirements in a text.

    :raises Invalid: a requirement is not from the index of the operator.
    """
    lines: list[str] = []
    for line in _join_lines(text):
        words = _strip_comment(line).split()
        if not words:
            continue
        if len(lines) == MAX_REQUIREMENTS:
            raise exception.Invalid(
                f'requirements.txt has more than {MAX_REQUIREMENTS} '
                'requirements; remove some.')
        if not _is_permitted(words):
            raise exception.Invalid(
                f'{" ".join(words)[:80]!r} in requirements.txt is not '
                'installed: each line must be a name with perhaps versions, '
                'such as requests>=2, without options and addresses, or '
                'the path of a wheel in the package, such as '
                './wheels/a-1.0-py3-none-any.whl.')
        if path := wheels.parse_path(words[0]):
            # pip reads a word with a slash as a path.
            words[0] = f'./{path}'
        lines.append(' '.join(words))
    return lines


def _is_permitted(words: list[str]) -> bool:
    """Return whether a line is a name with versions, or the path of a wheel,
    and perhaps hashes."""
    count = len(words)
    while (count and len(words[count - 1]) <= MAX_HASH_LENGTH
            and _HASH.fullmatch(words[count - 1])):
        count -= 1
    name = ' '.join(words[:count])
    if name.endswith('.whl'):
        return wheels.parse_path(name) is not None
    # pip replaces ${NAME} by an environment variable.
    if (len(name) > MAX_REQUIREMENT_LENGTH or '${' in name
            or any(word.startswith('-') for word in words[:count])):
        return False
    try:
        return not requirements.Requirement(name).url
    except (requirements.InvalidRequirement, RecursionError):
        return False


def _join_lines(text: str) -> Iterator[str]:
    """Yield the lines, each with its continuation lines."""
    parts: list[str] = []
    for line in text.splitlines():
        is_comment = line.lstrip().startswith('#')
        if line.endswith('\\') and not is_comment:
            parts.append(line.strip('\\'))
            continue
        # The blank lets a comment end the requirement.
        yield ''.join([*parts, ' ' if is_comment else '', line])
        parts.clear()
    yield ''.join(parts)


def _strip_comment(line: str) -> str:
    """Return a line without its comment, which follows white space."""
    index = line.find('#')
    while index > 0 and not line[index - 1].isspace():
        index = line.find('#', index + 1)
    return line if index < 0 else line[:index]
