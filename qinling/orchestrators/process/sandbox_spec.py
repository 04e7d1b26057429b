# SPDX-License-Identifier: Apache-2.0
"""Specification of a sandbox: a single structure for every backend."""

from collections.abc import Iterable
import dataclasses
import os

from oslo_config import cfg

from qinling.orchestrators.process import languages

MIB = 1 << 20
CODE = '/code'
AGENT = '/qinling'
PROXY = '/run/qinling/index.sock'  # as in runtimes/dependencies.py
HOSTNAME = 'worker'
SANDBOX_UID = 1000  # inside a user namespace, if the service is not root

#: System directories, shown read-only or as symbolic links.
SYSTEM = ('/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32')

#: Files of /etc for programs, shown read-only if present.
CONFIGURATION = (
    '/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d',
    '/etc/alternatives', '/etc/localtime', '/etc/timezone',
    '/etc/mime.types', '/etc/protocols', '/etc/services',
    '/etc/ssl/certs', '/etc/ssl/openssl.cnf', '/etc/ca-certificates',
    '/etc/pki/ca-trust', '/etc/pki/tls/certs', '/etc/pki/tls/cert.pem',
    '/etc/pki/tls/openssl.cnf')

#: Size of /dev/shm in MiB.
SHARED_MEMORY_MIB = 64
#: Name servers of a worker without a network: libraries need the file.
NO_NAME_SERVERS = 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n'
#: Files of /etc for workers with a network.
NETWORK_CONFIGURATION = ('/etc/resolv.conf', '/etc/hosts', '/etc/host.conf',
                         '/etc/gai.conf')

Pairs = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class SandboxSpec:
    """File system, network and host name of a worker.

    Beside the fields, a sandbox has its own /proc and a minimal /dev.

    :param binds: (host path, path), shown read-only.
    :param links: (target, path) of symbolic links.
    :param files: (path, text).
    :param tmpfs: (path, bytes) of writable, empty directories.
    :param network: the sandbox shares the network of the host.
    """

    binds: Pairs
    links: Pairs
    files: Pairs
    tmpfs: tuple[tuple[str, int], ...]
    network: bool
    hostname: str = HOSTNAME

    @property
    def directories(self) -> tuple[str, ...]:
        """Return the parents of all paths, in the order of creation."""
        paths = ([path for _source, path in self.binds + self.links]
                 + [path for path, _text in self.files]
                 + [path for path, _size in self.tmpfs])
        parents = set()
        for path in paths:
            while (path := os.path.dirname(path)) != '/':
                parents.add(path)
        bound = {path for _source, path in self.binds}
        return tuple(sorted(path for path in parents - {'/dev'}
                            if not _is_below(path, bound)))


def create_spec(conf: cfg.ConfigOpts,
                interpreters: Iterable[languages.Interpreter]) -> SandboxSpec:
    """Return the specification for all workers, without accounts.

    :param conf: a configuration with the group ``process``.
    :param interpreters: interpreters to show.
    """
    network = conf.process.allow_network
    binds, links = [], []
    for path in SYSTEM:
        if os.path.islink(path):
            links.append((os.readlink(path), path))
        elif os.path.isdir(path):
            binds.append((path, path))
    system = {path for _source, path in binds}
    binds += [(path, path) for interpreter in interpreters
              for path in interpreter.paths if not _is_below(path, system)]
    binds += [(path, path) for path in CONFIGURATION
              + (NETWORK_CONFIGURATION if network else ())
              if os.path.exists(path)]
    binds.append((languages.DIRECTORY, AGENT))
    tmp_size = conf.process.tmp_size
    return SandboxSpec(
        binds=tuple(binds), links=tuple(links), files=_list_files(network),
        tmpfs=(('/tmp', tmp_size * MIB),
               ('/dev/shm', min(tmp_size, SHARED_MEMORY_MIB) * MIB),
               (CODE, conf.process.code_size * MIB)),
        network=network)


def enable_network(spec: SandboxSpec) -> SandboxSpec:
    """Return the specification with the network of the host."""
    if spec.network:
        return spec
    return dataclasses.replace(
        spec, network=True, files=_list_files(True),
        binds=spec.binds + tuple(
            (path, path) for path in NETWORK_CONFIGURATION
            if os.path.exists(path)))


def disable_network(spec: SandboxSpec) -> SandboxSpec:
    """Return the specification without a network."""
    return dataclasses.replace(
        spec, network=False, files=_list_files(False),
        binds=tuple(bind for bind in spec.binds
                    if bind[1] not in NETWORK_CONFIGURATION))


def restrict_network(spec: SandboxSpec, proxy: str) -> SandboxSpec:
    """Return the specification with a proxy as the only network.

    :param proxy: path of the Unix socket of the proxy on the host.
    """
    spec = disable_network(spec)
    return dataclasses.replace(spec, binds=spec.binds + ((proxy, PROXY),))


def set_code_size(spec: SandboxSpec, size: int) -> SandboxSpec:
    """Return the specification with a larger directory for the code.

    :param size: bytes; the result may have more.
    """
    return dataclasses.replace(spec, tmpfs=tuple(
        (path, max(size, present) if path == CODE else present)
        for path, present in spec.tmpfs))


def add_accounts(spec: SandboxSpec, uid: int) -> SandboxSpec:
    """Return the specification with the accounts of a worker.

    :param uid: user id of the function.
    """
    users = (('root', 0), ('function', uid), ('nobody', 65534))
    passwd = ''.join(f'{name}:x:{number}:{number}::/tmp:/bin/sh\n'
                     for name, number in users)
    group = ''.join(f'{name}:x:{number}:\n' for name, number in users)
    return dataclasses.replace(spec, files=spec.files + (
        ('/etc/passwd', passwd), ('/etc/group', group)))


def _list_files(network: bool) -> Pairs:
    files = [('/etc/hostname', f'{HOSTNAME}\n'),
             ('/etc/nsswitch.conf',
              'passwd: files\ngroup: files\nhosts: files dns\n')]
    if not network:
        files += [('/etc/hosts',
                   f'127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n'),
                  ('/etc/resolv.conf', NO_NAME_SERVERS)]
    return tuple(files)


def _is_below(path: str, parents: Iterable[str]) -> bool:
    return any(path == parent or path.startswith(parent.rstrip('/') + '/')
               for parent in parents)
