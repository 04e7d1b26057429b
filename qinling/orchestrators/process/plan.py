# SPDX-License-Identifier: Apache-2.0
"""What a sandbox shows to a worker: one structure for every launcher."""

import dataclasses
import json
import logging
import os
import re
import shutil
import subprocess

from qinling import exception
from qinling.orchestrators.process import languages

LOG = logging.getLogger(__name__)

MIB = 1 << 20
CODE = '/code'
AGENT = '/qinling'
HOSTNAME = 'worker'
SANDBOX_UID = 1000  # inside a user namespace, where the service is not root

#: System directories, shown read-only or as the links that they are.
SYSTEM = ('/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32')

#: What programs need of /etc, shown read-only if it is there.
CONFIGURATION = (
    '/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d',
    '/etc/alternatives', '/etc/localtime', '/etc/timezone',
    '/etc/mime.types', '/etc/protocols', '/etc/services',
    '/etc/ssl/certs', '/etc/ssl/openssl.cnf', '/etc/ca-certificates',
    '/etc/pki/ca-trust', '/etc/pki/tls/certs', '/etc/pki/tls/cert.pem',
    '/etc/pki/tls/openssl.cnf')

#: The same, only for workers that have a network.
NETWORK_CONFIGURATION = ('/etc/resolv.conf', '/etc/hosts', '/etc/host.conf',
                         '/etc/gai.conf')

PROBE = ('import json, sys; print(json.dumps([sys.version_info[:3], '
         'sys.base_prefix, sys.base_exec_prefix]))')
PROBE_TIMEOUT = 60  # seconds


@dataclasses.dataclass(frozen=True)
class Plan:
    """The world of a worker.

    ``binds`` are (host path, path) shown read-only, ``links`` (target,
    path), ``files`` (path, text), ``tmpfs`` (path, bytes): writable and
    empty.  ``directories`` are the parents of all that, in order.  There are
    also a /proc of its own and a minimal /dev, and nothing else.
    """

    binds: tuple
    links: tuple
    files: tuple
    tmpfs: tuple
    network: bool
    hostname: str = HOSTNAME

    @property
    def directories(self):
        paths = ([path for _source, path in self.binds + self.links]
                 + [path for path, _rest in self.files + self.tmpfs])
        found = set()
        for path in paths:
            while (path := os.path.dirname(path)) != '/':
                found.add(path)
        shown = {path for _source, path in self.binds}
        return tuple(sorted(path for path in found - {'/dev'}
                            if not _below(path, shown)))


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """A program on this machine that runs a language; ``prefixes`` hold all
    that it needs beside the system directories."""

    path: str
    prefixes: tuple
    version: str = ''


def find_interpreter(path):
    """Ask the interpreter at ``path`` about itself.

    :raises PermanentError: it does not run or is too old.
    """
    path = os.path.realpath(path)
    try:
        answer = subprocess.run(
            [path, '-I', '-S', '-c', PROBE], stdin=subprocess.DEVNULL,
            capture_output=True, timeout=PROBE_TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise exception.PermanentError(
            f'The interpreter for workers does not run: {error}') from error
    version, *prefixes = json.loads(answer)
    if version < [3, 9]:
        raise exception.PermanentError(
            f'The interpreter for workers, {path}, is older than 3.9.')
    prefixes = {os.path.realpath(each) for each in prefixes}
    if '/' in prefixes:
        raise exception.PermanentError(
            f'The interpreter for workers, {path}, is installed in /, which '
            'cannot be shown to functions.')
    return Interpreter(path, tuple(sorted(prefixes)),
                       '.'.join(map(str, version)))


def find_nodejs(path=None):
    """The Node.js at ``path``, or else the one that this machine has, or
    ``None``.  Functions see that one file of its installation.

    :raises PermanentError: that at ``path`` does not run.
    """
    if path:
        return _ask_nodejs(path)
    path = shutil.which('node') or shutil.which('nodejs')
    try:
        return path and _ask_nodejs(path)
    except exception.PermanentError as error:
        LOG.warning('There will be no runtime for Node.js: %s', error)
        return None


def _ask_nodejs(path):
    path = os.path.realpath(path)
    try:
        answer = subprocess.run(
            [path, '--version'], stdin=subprocess.DEVNULL, text=True,
            capture_output=True, timeout=PROBE_TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise exception.PermanentError(
            f'Node.js does not run: {error}') from error
    version = re.fullmatch(r'v(\d+\.\d+\.\d+)\S*', answer.strip())
    if version is None:
        raise exception.PermanentError(
            f'{path} is no Node.js: asked for its version, it says '
            f'{answer[:80]!r}.')
    return Interpreter(path, (path,), version[1])


def make(conf, interpreters):
    """The :class:`Plan` of every worker, from the group ``process``.

    :param interpreters: each :class:`Interpreter` that workers need.
    """
    network = conf.process.allow_network
    binds, links = [], []
    for path in SYSTEM:
        if os.path.islink(path):
            links.append((os.readlink(path), path))
        elif os.path.isdir(path):
            binds.append((path, path))
    system = {path for _source, path in binds}
    binds += [(each, each) for interpreter in interpreters
              for each in interpreter.prefixes if not _below(each, system)]
    binds += [(path, path) for path in CONFIGURATION
              + (NETWORK_CONFIGURATION if network else ())
              if os.path.exists(path)]
    binds.append((languages.DIRECTORY, AGENT))
    tmp_size = conf.process.tmp_size * MIB
    return Plan(
        binds=tuple(binds), links=tuple(links), files=_files(network),
        tmpfs=(('/tmp', tmp_size), ('/dev/shm', tmp_size),
               (CODE, conf.process.code_size * MIB)),
        network=network)


def online(plan):
    """The plan with the network of the host."""
    if plan.network:
        return plan
    return dataclasses.replace(
        plan, network=True, files=_files(True),
        binds=plan.binds + tuple(
            (path, path) for path in NETWORK_CONFIGURATION
            if os.path.exists(path)))


def for_user(plan, uid):
    """The plan with the accounts that a worker of this ``uid`` sees."""
    users = (('root', 0), ('function', uid), ('nobody', 65534))
    passwd = ''.join(f'{name}:x:{number}:{number}::/tmp:/bin/sh\n'
                     for name, number in users)
    group = ''.join(f'{name}:x:{number}:\n' for name, number in users)
    return dataclasses.replace(plan, files=plan.files + (
        ('/etc/passwd', passwd), ('/etc/group', group)))


def _files(network):
    files = [('/etc/hostname', f'{HOSTNAME}\n'),
             ('/etc/nsswitch.conf',
              'passwd: files\ngroup: files\nhosts: files dns\n')]
    if not network:
        files.append(('/etc/hosts',
                      f'127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n'))
    return tuple(files)


def _below(path, parents):
    return any(path == each or path.startswith(each.rstrip('/') + '/')
               for each in parents)
