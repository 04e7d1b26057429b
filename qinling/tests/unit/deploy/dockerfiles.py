# SPDX-License-Identifier: Apache-2.0
"""Parser for the instructions of tools/docker."""

import fnmatch
import json
import re
import shutil

from qinling.tests.unit.deploy import manifests

DIRECTORY = manifests.CHECKOUT / 'tools' / 'docker'
WORKER = DIRECTORY / 'Dockerfile'
SERVICE = DIRECTORY / 'Dockerfile.service'


def table():
    """Return (name, language, base) of each line of the table of runtimes."""
    return [tuple(line.split())
            for line in (DIRECTORY / 'images').read_text().splitlines()
            if line and not line.startswith('#')]


def languages():
    """Return the languages with a bootstrap."""
    return {language for _name, language, _base in table()
            if list(manifests.CHECKOUT.glob(f'qinling/runtimes/{language}.*'))}


def instructions(path):
    """Return (word, rest) of each instruction of a Dockerfile."""
    text = re.sub(r'(?m)^#.*\n', '', path.read_text())
    text = text.replace('\\\n', '')
    return [tuple(line.split(None, 1))
            for line in text.splitlines() if line.strip()]


def only(path, word):
    """Return the rest of the last instruction with a word."""
    return [rest for name, rest in instructions(path) if name == word][-1]


def copies(path, **arguments):
    """Return (sources, target) of every copy from the checkout."""
    for word, rest in instructions(path):
        if word == 'COPY' and not rest.startswith('--from'):
            for name, value in arguments.items():
                rest = rest.replace('${%s}' % name, value)
            *patterns, target = rest.split()
            yield [source for pattern in patterns
                   for source in expand(pattern)], target


def expand(pattern):
    """Return the files of a COPY, at least one."""
    paths = sorted(manifests.CHECKOUT.glob(pattern))
    assert paths, f'{pattern} is not there'
    return paths


def sent(path):
    """Return whether .dockerignore lets a file of the checkout into builds, by
    the last matching line."""
    name = path.relative_to(manifests.CHECKOUT).as_posix()
    inside = True
    for line in (manifests.CHECKOUT / '.dockerignore').read_text().split('\n'):
        pattern = line.lstrip('!')
        if pattern and not line.startswith('#') and _matches(name, pattern):
            inside = line.startswith('!')
    return inside


def _matches(name, pattern):
    """Return whether a pattern matches a file or a directory above the file.
    """
    parts = name.split('/')
    heads = ['/'.join(parts[:end]) for end in range(1, len(parts) + 1)]
    if pattern.startswith('**/'):
        return any(fnmatch.fnmatch(part, pattern[3:]) for part in parts)
    return any(head.count('/') == pattern.count('/')
               and fnmatch.fnmatch(head, pattern) for head in heads)


def lay_out(root, language):
    """Copy the files of a language's image below a directory."""
    for sources, target in copies(WORKER, LANGUAGE=language):
        place = root / target.lstrip('/')
        if target.endswith('/'):
            place.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copy(source, place)


def settings(language):
    """Return the settings of the agent in a language's image."""
    return json.loads((DIRECTORY / f'{language}.json').read_text())
