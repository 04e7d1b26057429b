# SPDX-License-Identifier: Apache-2.0
"""What a package depends on: which files of it say so, and what they may
say."""

import hashlib
import json
import re

from packaging import requirements

from qinling import exception

#: What installs -> the files that it reads, all in the root of a package.
KINDS = {'pip': ('requirements.txt',),
         'npm': ('package.json', 'package-lock.json')}
#: Bytes that each of them may have.
LARGEST = 1024 * 1024


#: As pip knows them.
COMMENT = re.compile(r'(^|\s+)#.*$')
HASHES = re.compile(r'((?:\s+--hash=[a-z0-9]+:[0-9a-f]+)*)$')
#: The versions of package-lock.json that say where everything comes from.
LOCKS = (2, 3)


def find(archive):
    """What a package depends on.

    :param archive: an open ``ZipFile``.
    :returns: ``{"kind": ..., "sha256": of the files}``, or ``None``.
    :raises Invalid: the files ask for what is not installed.
    """
    names = set(archive.namelist())
    for kind, files in KINDS.items():
        if names.issuperset(files):
            break
    else:
        return None
    found = read(archive, kind)
    if not all(found.values()):
        return None
    digest = hashlib.sha256()
    for name in files:
        digest.update(hashlib.sha256(found[name].encode()).digest())
    return {'kind': kind, 'sha256': digest.hexdigest()}


def read(archive, kind):
    """The texts to install from, by the names of the files.

    :raises Invalid: see :func:`find`.
    """
    found = {name: _text(archive, name) for name in KINDS[kind]}
    if kind == 'npm':
        _check_lock(found['package-lock.json'])
        return found
    # Not as it was written, so that pip reads nothing else into it.
    return {name: ''.join(f'{line}\n' for line in _requirements(text))
            for name, text in found.items()}


def _text(archive, name):
    try:
        with archive.open(name) as file:
            data = file.read(LARGEST + 1)
        text = data.decode()
    except UnicodeDecodeError:
        raise exception.Invalid(f'{name} is not text in UTF-8.')
    if len(data) > LARGEST:
        raise exception.Invalid(
            f'{name} is too large: at most {LARGEST} bytes are allowed.')
    return text


def _requirements(text):
    """The requirements in a file, refusing what does not come from the
    operator's index."""
    found = []
    for line in _joined(text):
        line = ' '.join(COMMENT.sub('', line).split())
        if not line:
            continue
        name = HASHES.sub('', line)
        try:
            wanted = requirements.Requirement(name)
        except requirements.InvalidRequirement:
            wanted = None
        if wanted is None or wanted.url or ' -' in name:
            raise exception.Invalid(
                f'{line[:80]!r} in requirements.txt is not installed: each '
                'line must be a name with perhaps versions, such as '
                'requests>=2, without options and addresses.')
        found.append(line)
    return found


def _joined(text):
    """The lines, each with those that continue it."""
    whole = ''
    for line in text.splitlines():
        if line.endswith('\\') and not COMMENT.match(line):
            whole += line.rstrip('\\') + ' '
        else:
            yield whole + ' ' + line
            whole = ''
    yield whole


def _check_lock(text):
    """Refuse what does not come from the operator's registry."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    packages = isinstance(value, dict) and value.get('packages')
    if not isinstance(packages, dict) or value.get(
            'lockfileVersion') not in LOCKS:
        raise exception.Invalid(
            'package-lock.json is not one of npm 7 or newer.')
    for name, each in packages.items():
        if not isinstance(each, dict) or each.get('link') or not str(
                each.get('resolved', 'https://')).startswith(
                    ('https://', 'http://')):
            raise exception.Invalid(
                f'{name[:80]!r} in package-lock.json is not installed: it '
                'must come from a registry.')
