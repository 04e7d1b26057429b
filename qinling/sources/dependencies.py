# SPDX-License-Identifier: Apache-2.0
"""Dependencies of a package: files that list them, and permitted content."""

from collections.abc import Iterator
import hashlib
import json
import re
import zipfile

from packaging import requirements

from qinling import exception

#: Installer -> files for the installer, all in the root of a package.
KINDS = {'pip': ('requirements.txt',),
         'npm': ('package.json', 'package-lock.json')}
MAX_FILE_BYTES = 1024 * 1024

#: Syntax of pip.
COMMENT = re.compile(r'(^|\s+)#.*$')
HASHES = re.compile(r'((?:\s+--hash=[a-z0-9]+:[0-9a-f]+)*)$')
#: Versions of package-lock.json with the origin of every package.
LOCK_VERSIONS = (2, 3)


def find_dependencies(archive: zipfile.ZipFile) -> dict[str, str] | None:
    """Return the dependencies of a package, if any.

    :returns: ``{"kind": installer, "sha256": digest of the files}``.
    :raises Invalid: the files list dependencies that are not permitted.
    """
    names = set(archive.namelist())
    for kind, files in KINDS.items():
        if names.issuperset(files):
            break
    else:
        return None
    texts = read_files(archive, kind)
    if not all(texts.values()):
        return None
    digest = hashlib.sha256()
    for name in files:
        digest.update(hashlib.sha256(texts[name].encode()).digest())
    return {'kind': kind, 'sha256': digest.hexdigest()}


def read_files(archive: zipfile.ZipFile, kind: str) -> dict[str, str]:
    """Return the texts for an installer, by file name.

    :raises Invalid: see :func:`find_dependencies`.
    """
    texts = {name: _read_text(archive, name) for name in KINDS[kind]}
    if kind == 'npm':
        _check_lock(texts['package-lock.json'])
        return texts
    # Normalized, so that pip cannot parse the text differently.
    return {name: ''.join(f'{line}\n' for line in _parse_requirements(text))
            for name, text in texts.items()}


def _read_text(archive: zipfile.ZipFile, name: str) -> str:
    try:
        with archive.open(name) as file:
            data = file.read(MAX_FILE_BYTES + 1)
        text = data.decode()
    except UnicodeDecodeError:
        raise exception.Invalid(f'{name} is not text in UTF-8.')
    if len(data) > MAX_FILE_BYTES:
        raise exception.Invalid(
            f'{name} is too large: at most {MAX_FILE_BYTES} bytes are '
            'allowed.')
    return text


def _parse_requirements(text: str) -> list[str]:
    """Return the requirements in a file.

    :raises Invalid: a requirement is not from the index of the operator.
    """
    lines = []
    for line in _join_lines(text):
        line = ' '.join(COMMENT.sub('', line).split())
        if not line:
            continue
        name = HASHES.sub('', line)
        try:
            requirement = requirements.Requirement(name)
        except requirements.InvalidRequirement:
            requirement = None
        if requirement is None or requirement.url or ' -' in name:
            raise exception.Invalid(
                f'{line[:80]!r} in requirements.txt is not installed: each '
                'line must be a name with perhaps versions, such as '
                'requests>=2, without options and addresses.')
        lines.append(line)
    return lines


def _join_lines(text: str) -> Iterator[str]:
    """Yield the lines, each with its continuation lines."""
    whole = ''
    for line in text.splitlines():
        if line.endswith('\\') and not COMMENT.match(line):
            whole += line.rstrip('\\') + ' '
        else:
            yield whole + ' ' + line
            whole = ''
    yield whole


def _check_lock(text: str) -> None:
    """Raise ``Invalid`` unless all packages are from a registry."""
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError):
        lock = None
    packages = isinstance(lock, dict) and lock.get('packages')
    if not isinstance(packages, dict) or lock.get(
            'lockfileVersion') not in LOCK_VERSIONS:
        raise exception.Invalid(
            'package-lock.json is not one of npm 7 or newer.')
    for name, package in packages.items():
        if not isinstance(package, dict) or package.get('link') or not str(
                package.get('resolved', 'https://')).startswith(
                    ('https://', 'http://')):
            raise exception.Invalid(
                f'{name[:80]!r} in package-lock.json is not installed: it '
                'must come from a registry.')
