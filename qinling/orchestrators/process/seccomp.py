# SPDX-License-Identifier: Apache-2.0
"""Filters of system calls for workers, see seccomp(2).

A filter is a deny list in classic BPF, since workers run programs of any
language.  The list has the calls with power over other processes, mounts and
namespaces, and the calls of most past exploits of the kernel.  Numbers are
from ``syscall_64.tbl`` and ``asm-generic/unistd.h`` of Linux; see
Documentation/userspace-api/seccomp_filter.rst for the input of a filter.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import errno
import os
import socket
import struct

#: Machine -> AUDIT_ARCH constant and column in :data:`DENIED`.
MACHINES = {'x86_64': (0xC000003E, 0), 'aarch64': (0xC00000B7, 1)}

#: Calls that fail with EPERM -> numbers on the machines above.
DENIED = {
    # Other processes.
    'ptrace': (101, 117), 'process_vm_readv': (310, 270),
    'process_vm_writev': (311, 271), 'process_madvise': (440, 440),
    'pidfd_getfd': (438, 438), 'kcmp': (312, 272),
    'migrate_pages': (256, 238), 'move_pages': (279, 239),
    # Mounts and namespaces.
    'mount': (165, 40), 'umount2': (166, 39), 'pivot_root': (155, 41),
    'chroot': (161, 51), 'open_tree': (428, 428), 'move_mount': (429, 429),
    'fsopen': (430, 430), 'fsconfig': (431, 431), 'fsmount': (432, 432),
    'fspick': (433, 433), 'mount_setattr': (442, 442),
    'open_tree_attr': (467, 467), 'setns': (308, 268),
    'unshare': (272, 97), 'name_to_handle_at': (303, 264),
    'open_by_handle_at': (304, 265),
    # Parts of the kernel with many exploits and little use.
    'bpf': (321, 280), 'perf_event_open': (298, 241),
    'userfaultfd': (323, 282), 'io_uring_setup': (425, 425),
    'io_uring_enter': (426, 426), 'io_uring_register': (427, 427),
    'keyctl': (250, 219), 'add_key': (248, 217), 'request_key': (249, 218),
    'fanotify_init': (300, 262), 'lookup_dcookie': (212, 18),
    'modify_ldt': (154, None), 'uselib': (134, None), 'ustat': (136, None),
    'sysfs': (139, None), '_sysctl': (156, None),
    # System V IPC outlives its process, and no rlimit counts its memory.
    'shmget': (29, 194), 'msgget': (68, 186), 'semget': (64, 190),
    # The machine.
    'init_module': (175, 105), 'finit_module': (313, 273),
    'delete_module': (176, 106), 'kexec_load': (246, 104),
    'kexec_file_load': (320, 294), 'reboot': (169, 142),
    'swapon': (167, 224), 'swapoff': (168, 225), 'acct': (163, 89),
    'quotactl': (179, 60), 'quotactl_fd': (443, 443), 'syslog': (103, 116),
    'vhangup': (153, 58), 'sethostname': (170, 161),
    'setdomainname': (171, 162), 'settimeofday': (164, 170),
    'clock_settime': (227, 112), 'clock_adjtime': (305, 266),
    'adjtimex': (159, 171), 'iopl': (172, None), 'ioperm': (173, None),
}
#: Calls that create files in memory, which only control groups count.
MEMORY_FILES = {'memfd_create': (319, 279), 'memfd_secret': (447, 447)}
#: Calls with a verdict by argument, in the same columns.
CLONE, IOCTL, PERSONALITY = (56, 220), (16, 29), (135, 92)
SOCKET, SOCKETPAIR, PRLIMIT = (41, 198), (53, 199), (302, 261)
CLONE3 = 435      # has flags in memory, which filters cannot read
NEWEST = 469      # last reviewed call, of Linux 6.17
X32 = 0x40000000  # bit of the x32 calls, on x86_64 only

#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
NAMESPACES = 0x7E020000
#: Commands that write into other terminals: TIOCSTI and TIOCLINUX.
TERMINAL = (0x5412, 0x541C)
#: PER_LINUX, and the query for the present personality.
PERSONALITIES = (0, 0xFFFFFFFF)
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6,
            socket.AF_NETLINK)

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24  # struct seccomp_data
ALLOW, ERROR = 0x7FFF0000, 0x00050000
REFUSE = (RETURN, 0, 0, ERROR | errno.EPERM)
PASS = (RETURN, 0, 0, ALLOW)
UNKNOWN = (RETURN, 0, 0, ERROR | errno.ENOSYS)

#: Fields of a ``struct sock_filter``: code, jumps if true and false, value.
Instruction = tuple[int, int, int, int]


def build_filters(machine: str | None = None,
                  families: Iterable[int] = FAMILIES,
                  memory_files: bool = True) -> list[bytes]:
    """Return the filter of a worker, and the additional filter of executors.

    :param machine: machine of uname(2); default: this machine.
    :param families: permitted families of sockets; pairs of sockets may be of
        any family in :data:`FAMILIES`.
    :param memory_files: permit the calls in :data:`MEMORY_FILES`.
    :returns: arrays of ``struct sock_filter``; empty for unknown machines.
    """
    machine = machine or os.uname().machine
    if machine not in MACHINES:
        return []
    return [assemble(machine, _worker_rules(
                machine, families, memory_files)),
            assemble(machine, _executor_rules(machine))]


def _worker_rules(machine: str, families: Iterable[int], memory_files: bool
                  ) -> Iterator[Instruction]:
    column = MACHINES[machine][1]
    if machine == 'x86_64':
        yield from _test_number(AT_LEAST, X32, REFUSE)
    yield from _test_number(AT_LEAST, NEWEST + 1, UNKNOWN)
    yield from _test_number(EQUAL, CLONE3, UNKNOWN)
    for numbers in DENIED.values():
        number = numbers[column]
        if number is not None:
            yield from _test_number(EQUAL, number, REFUSE)
    if not memory_files:
        for numbers in MEMORY_FILES.values():
            # Libraries use other files then.
            yield from _test_number(EQUAL, numbers[column], UNKNOWN)
    yield from _test_argument(CLONE[column], FIRST, ANY_BIT, [NAMESPACES],
                              REFUSE)
    yield from _test_argument(IOCTL[column], SECOND, EQUAL, TERMINAL, REFUSE)
    yield from _test_argument(PERSONALITY[column], FIRST, EQUAL,
                              PERSONALITIES, PASS)
    for call, allowed in ((SOCKET, families), (SOCKETPAIR, FAMILIES)):
        yield from _test_argument(call[column], FIRST, EQUAL, allowed, PASS)


def _executor_rules(machine: str) -> list[Instruction]:
    """Return the rule against changing limits of other processes.

    Agent and executors have the same user, and only the agent may set limits.
    """
    return _test_argument(PRLIMIT[MACHINES[machine][1]], FIRST, EQUAL, [0],
                          PASS)


def _test_number(test: int, value: int, verdict: Instruction
                 ) -> list[Instruction]:
    """Return the verdict on calls whose number passes a test."""
    return [(test, 0, 1, value), verdict]


def _test_argument(number: int, offset: int, test: int, values: Iterable[int],
                   verdict: Instruction) -> list[Instruction]:
    """Return the verdict on calls whose argument passes a test.

    The call gets the opposite verdict unless a value passes the test.
    """
    opposite = REFUSE if verdict is PASS else PASS
    body: list[Instruction] = [(LOAD, 0, 0, offset)]
    for value in values:
        body += _test_number(test, value, verdict)
    body.append(opposite)
    return [(EQUAL, 0, len(body), number), *body]


def assemble(machine: str, rules: Iterable[Instruction]) -> bytes:
    """Return the bytes of a filter.

    The filter refuses calls of other machines, then applies the rules, then
    permits the remaining calls.
    """
    program = [(LOAD, 0, 0, ARCHITECTURE),
               (EQUAL, 1, 0, MACHINES[machine][0]), REFUSE,
               (LOAD, 0, 0, NUMBER), *rules, PASS]
    return b''.join(struct.pack('=HBBI', *instruction)
                    for instruction in program)
