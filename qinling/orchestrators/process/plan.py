#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What a sandbox shows to a worker: one structure for every launcher."""

import dataclasses
import json
import os
import subprocess

from qinling import exception
from qinling.orchestrators.process import languages

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

PROBE = ('import json, sys; print(json.dumps([sys.version_info[:2], '
         'sys.base_prefix, sys.base_exec_prefix]))')


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
    """A Python on this machine; ``prefixes`` hold all that it needs."""

    path: str
    prefixes: tuple


def find_interpreter(path):
    """Ask the interpreter at ``path`` about itself.

    :raises PermanentError: it does not run or is too old.
    """
    path = os.path.realpath(path)
    try:
        answer = subprocess.run(
            [path, '-I', '-S', '-c', PROBE], stdin=subprocess.DEVNULL,
            capture_output=True, timeout=60, check=True).stdout
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
    return Interpreter(path, tuple(sorted(prefixes)))


def make(conf, interpreter):
    """The :class:`Plan` of every worker, from the group ``process``."""
    network = conf.process.allow_network
    binds, links = [], []
    for path in SYSTEM:
        if os.path.islink(path):
            links.append((os.readlink(path), path))
        elif os.path.isdir(path):
            binds.append((path, path))
    system = {path for _source, path in binds}
    binds += [(each, each) for each in interpreter.prefixes
              if not _below(each, system)]
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
