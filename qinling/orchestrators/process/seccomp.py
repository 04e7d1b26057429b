# SPDX-License-Identifier: Apache-2.0
"""What workers may not ask of the kernel: a filter for seccomp(2).

The filter is a deny list in classic BPF, for workers run programs of any
language; it takes away what gives power over other processes, mounts and
namespaces, and what has been the way into the kernel most often.  The numbers
are those of Linux's ``syscall_64.tbl`` and ``asm-generic/unistd.h``; how a
filter reads its input is in Documentation/userspace-api/seccomp_filter.rst.
"""

import errno
import os
import socket
import struct

#: Machine -> its AUDIT_ARCH constant and its column in :data:`DENIED`.
MACHINES = {'x86_64': (0xC000003E, 0), 'aarch64': (0xC00000B7, 1)}

#: Calls that fail with EPERM, with their numbers on the machines above.
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
    # Parts of the kernel that are attacked often and needed rarely.
    'bpf': (321, 280), 'perf_event_open': (298, 241),
    'userfaultfd': (323, 282), 'io_uring_setup': (425, 425),
    'io_uring_enter': (426, 426), 'io_uring_register': (427, 427),
    'keyctl': (250, 219), 'add_key': (248, 217), 'request_key': (249, 218),
    'fanotify_init': (300, 262), 'lookup_dcookie': (212, 18),
    'modify_ldt': (154, None), 'uselib': (134, None), 'ustat': (136, None),
    'sysfs': (139, None), '_sysctl': (156, None),
    # System V IPC outlives who made it, and no rlimit counts it.
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
#: Calls whose arguments decide, by the same columns.
CLONE, IOCTL, PERSONALITY = (56, 220), (16, 29), (135, 92)
SOCKET, SOCKETPAIR, PRLIMIT = (41, 198), (53, 199), (302, 261)
CLONE3 = 435     # its flags lie in memory, where a filter cannot look
NEWEST = 469     # of Linux 6.17; nobody has judged what came later
X32 = 0x40000000  # the bit of another set of calls, on x86_64 only

#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
NAMESPACES = 0x7E020000
#: Writing into the terminal of others: TIOCSTI and TIOCLINUX.
TERMINAL = (0x5412, 0x541C)
#: Linux as it is, and the question which one it is.
PERSONALITIES = (0, 0xFFFFFFFF)
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6,
            socket.AF_NETLINK)

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24  # struct seccomp_data
ALLOW, ERROR = 0x7FFF0000, 0x00050000
REFUSE = (RETURN, 0, 0, ERROR | errno.EPERM)
PASS = (RETURN, 0, 0, ALLOW)
UNKNOWN = (RETURN, 0, 0, ERROR | errno.ENOSYS)


def filters(machine=None, families=FAMILIES):
    """The filter of a whole worker, and the one that its executors have
    beside it, as arrays of ``struct sock_filter``; nothing for a machine
    whose calls are not known.

    :param machine: as uname(2) says it; this one, if not given.
    :param families: of sockets; pairs of sockets may be of any family above.
    """
    machine = machine or os.uname().machine
    if machine not in MACHINES:
        return []
    return [assemble(machine, _everybody(machine, families)),
            assemble(machine, _executors(machine))]


def _everybody(machine, families):
    column = MACHINES[machine][1]
    if machine == 'x86_64':
        yield from _when(AT_LEAST, X32, REFUSE)
    yield from _when(AT_LEAST, NEWEST + 1, UNKNOWN)
    yield from _when(EQUAL, CLONE3, UNKNOWN)
    for numbers in DENIED.values():
        if numbers[column] is not None:
            yield from _when(EQUAL, numbers[column], REFUSE)
    yield from _argument(CLONE[column], FIRST, ANY_BIT, [NAMESPACES], REFUSE)
    yield from _argument(IOCTL[column], SECOND, EQUAL, TERMINAL, REFUSE)
    yield from _argument(PERSONALITY[column], FIRST, EQUAL, PERSONALITIES,
                         PASS)
    for call, allowed in ((SOCKET, families), (SOCKETPAIR, FAMILIES)):
        yield from _argument(call[column], FIRST, EQUAL, allowed, PASS)


def _executors(machine):
    """The agent sets limits of others; who runs the user's code must not,
    for the agent is of the same user."""
    yield from _argument(PRLIMIT[MACHINES[machine][1]], FIRST, EQUAL, [0],
                         PASS)


def _when(test, value, verdict):
    """The verdict on a call whose number passes the test."""
    return [(test, 0, 1, value), verdict]


def _argument(number, offset, test, values, verdict):
    """The verdict on a call whose argument passes the test with one of the
    values; with another argument it gets the opposite."""
    opposite = REFUSE if verdict is PASS else PASS
    body = [(LOAD, 0, 0, offset)]
    for value in values:
        body += _when(test, value, verdict)
    body.append(opposite)
    return [(EQUAL, 0, len(body), number), *body]


def assemble(machine, rules):
    """The bytes of a filter that refuses all calls of other machines, then
    goes by the rules, and lets the rest pass."""
    program = [(LOAD, 0, 0, ARCHITECTURE),
               (EQUAL, 1, 0, MACHINES[machine][0]), REFUSE,
               (LOAD, 0, 0, NUMBER), *rules, PASS]
    return b''.join(struct.pack('=HBBI', *each) for each in program)
