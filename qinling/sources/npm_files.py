# SPDX-License-Identifier: Apache-2.0
"""package.json and package-lock.json: names and versions for npm.

Every dependency must come from the registry of the operator: npm would fetch
other addresses from the host of the service.  npm gets only the checked parts
of both files.
"""

import json
import re
import typing

from qinling import exception

PACKAGE, LOCK = 'package.json', 'package-lock.json'
#: Versions of package-lock.json with the origin of every package.
LOCK_VERSIONS = (2, 3)
#: Objects of name -> version.
SECTIONS = ('dependencies', 'devDependencies', 'optionalDependencies',
            'peerDependencies')
BUNDLES = ('bundleDependencies', 'bundledDependencies')
MAX_NAME_LENGTH = 214
MAX_VERSION_LENGTH = 512
MAX_URL_LENGTH = 2048
ALIAS = 'npm:'

_Json = dict[str, typing.Any]

_NAME = re.compile('(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*',
                   re.ASCII | re.IGNORECASE)
#: Ranges of semver, versions and tags.  Addresses have a colon or a slash.
_VERSION = re.compile(r'[a-z0-9 \t\n.+_~^<>=|*-]*', re.ASCII | re.IGNORECASE)
#: npm takes these names for local files.
_FILE_SUFFIXES = ('.tgz', '.tar', '.tar.gz')


def read(files: dict[str, bytes]) -> dict[str, str]:
    """Return the checked texts for npm.

    :param files: name -> content.
    :raises Invalid: a dependency is not from a registry.
    """
    if not all(files.values()):
        return dict.fromkeys(files, '')
    package = _read_package(_parse(files, PACKAGE), PACKAGE)
    lock = _read_lock(_parse(files, LOCK))
    try:
        return {PACKAGE: json.dumps(package), LOCK: json.dumps(lock)}
    except RecursionError:
        raise exception.Invalid(
            f'{PACKAGE} or {LOCK} is nested too deeply; create both again.')


def _parse(files: dict[str, bytes], name: str) -> _Json:
    """Return the JSON object in a file."""
    try:
        text = files[name].decode('utf-8-sig')
    except UnicodeDecodeError:
        raise exception.Invalid(f'{name} is not text in UTF-8.')
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise exception.Invalid(
            f'{name} is not a JSON object; create the file with npm.')
    return value


def _read_package(package: _Json, file: str) -> _Json:
    """Return the parts of a package that matter to an installation.

    :param file: the file to name in a sentence.
    """
    if package.get('workspaces'):
        raise exception.Invalid(
            f'workspaces in {file} are not installed: put the packages into '
            'node_modules, or list their names as dependencies.')
    _check_sections(package, file)
    _check_overrides(package.get('overrides'), file)
    for name in BUNDLES:
        bundle = package.get(name) or []
        if bundle is not True and not (isinstance(bundle, list)
                                       and all(map(_is_name, bundle))):
            raise _create_error(name, file)
    meta = package.get('peerDependenciesMeta') or {}
    if not isinstance(meta, dict) or not all(map(_is_name, meta)):
        raise _create_error('peerDependenciesMeta', file)
    names = (*SECTIONS, *BUNDLES, 'peerDependenciesMeta', 'overrides')
    return {name: package[name] for name in names if package.get(name)}


def _check_sections(package: _Json, file: str) -> None:
    for section in SECTIONS:
        values = package.get(section)
        if values is not None and not isinstance(values, dict):
            raise _create_error(section, file)
        for name, version in (values or {}).items():
            if not _is_name(name) or not _is_from_registry(version):
                raise _create_error(name, file)


def _check_overrides(overrides: typing.Any, file: str) -> None:
    """Check ``overrides``: name -> version, ``$name`` or further overrides."""
    todo = [{} if overrides is None else overrides]
    while todo:
        values = todo.pop()
        if not isinstance(values, dict):
            raise _create_error('overrides', file)
        for key, value in values.items():
            if isinstance(value, dict):
                todo.append(value)
            elif not (_is_reference(value) or _is_from_registry(value)):
                raise _create_error(key, file)
            if key != '.' and not _is_from_registry(f'{ALIAS}{key}'):
                raise _create_error(key, file)


def _read_lock(lock: _Json) -> _Json:
    """Return the parts of a lock that matter to npm 7 or newer."""
    packages, version = lock.get('packages'), lock.get('lockfileVersion')
    if not isinstance(packages, dict) or version not in LOCK_VERSIONS:
        raise exception.Invalid(
            'package-lock.json is not one of npm 7 or newer.')
    _check_tree(lock.get('dependencies'))
    entries = {}
    for path, entry in packages.items():
        if not isinstance(entry, dict):
            raise _create_lock_error(path)
        if path:
            _check_entry(path, entry)
            entries[path] = entry
        else:
            entries[path] = _read_package(entry, LOCK)
    return {'lockfileVersion': version, 'requires': True, 'packages': entries}


def _check_entry(path: str, entry: _Json) -> None:
    """Check the entry of one package in ``packages``."""
    first, *names = path.split('node_modules/')
    if (first or not names or not _is_name(names[-1])
            or not all(name.endswith('/') and _is_name(name[:-1])
                       for name in names[:-1])):
        raise _create_lock_error(path)
    if (entry.get('link') or not _is_name(entry.get('name', 'x'))
            or not _is_plain_version(entry.get('version', '1'))):
        raise _create_lock_error(path)
    if 'resolved' in entry:
        is_from_registry = _is_url(entry['resolved'])
    else:
        # npm asks the registry for the version; or the package is in the
        # archive of another package.
        is_from_registry = 'version' in entry or entry.get('inBundle') is True
    if not is_from_registry:
        raise _create_lock_error(path)
    _check_sections(entry, LOCK)


def _check_tree(dependencies: typing.Any) -> None:
    """Check the form of npm 6, which locks of version 2 contain as well."""
    todo = [{} if dependencies is None else dependencies]
    while todo:
        values = todo.pop()
        if not isinstance(values, dict):
            raise _create_lock_error('dependencies')
        for name, entry in values.items():
            if (not _is_name(name) or not isinstance(entry, dict)
                    or not _is_from_registry(entry.get('version', ''))
                    or not _is_url(entry.get('resolved', 'https://'))):
                raise _create_lock_error(name)
            if entry.get('dependencies') is not None:
                todo.append(entry['dependencies'])


def _is_name(name: typing.Any) -> bool:
    return (isinstance(name, str) and len(name) <= MAX_NAME_LENGTH
            and _NAME.fullmatch(name) is not None)


def _is_plain_version(version: typing.Any) -> bool:
    """Return whether a text is a range, a version or a tag."""
    return (isinstance(version, str) and len(version) <= MAX_VERSION_LENGTH
            and _VERSION.fullmatch(version) is not None
            and not version.strip().startswith('.')
            and not version.strip().lower().endswith(_FILE_SUFFIXES))


def _is_from_registry(version: typing.Any) -> bool:
    """Return whether a version is a plain one, or ``npm:name@version``."""
    if not isinstance(version, str) or not version.startswith(ALIAS):
        return _is_plain_version(version)
    name = version[len(ALIAS):]
    # The name may begin with the @ of a scope.
    index = name.find('@', 1)
    if index < 0:
        return _is_name(name)
    return _is_name(name[:index]) and _is_plain_version(name[index + 1:])


def _is_reference(version: typing.Any) -> bool:
    """Return whether a version is that of a direct dependency: ``$name``."""
    return (isinstance(version, str) and version.startswith('$')
            and _is_name(version[1:]))


def _is_url(url: typing.Any) -> bool:
    """Return whether an address is that of a registry.

    npm replaces the host by that of the operator's registry.
    """
    return (isinstance(url, str) and len(url) <= MAX_URL_LENGTH
            and url.startswith(('https://', 'http://')))


def _create_error(name: str, file: str) -> exception.Invalid:
    return exception.Invalid(
        f'{name[:80]!r} in {file} is not installed: each dependency must be a '
        'name with a version from the registry, such as ^1.2.0, without '
        'addresses, paths and repositories.')


def _create_lock_error(name: str) -> exception.Invalid:
    return exception.Invalid(
        f'{name[:80]!r} in package-lock.json is not installed: it must come '
        'from a registry.')
