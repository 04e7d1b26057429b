# SPDX-License-Identifier: Apache-2.0
"""Tests of the filter of system calls, run by an interpreter for filters."""

import errno
import os
import socket
import struct

from oslotest import base

from qinling.orchestrators.process import seccomp

X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
CLONE_THREAD = 0x3D0F00  # what pthread_create passes
CLONE_FORK = 0x1200011   # and what fork does


def verdict(program, machine, number, *args):
    """Return the verdict of a filter on a call: ``None`` for a pass, else the
    name of the error."""
    data = struct.pack('=iIQ6Q', number, machine, 0,
                       *(arg & (1 << 64) - 1 for arg in args),
                       *[0] * (6 - len(args)))
    position, value = 0, 0
    while True:
        code, if_true, if_false, k = struct.unpack_from(
            '=HBBI', program, position * 8)
        position += 1
        if code == seccomp.RETURN:
            return None if k == seccomp.ALLOW else errno.errorcode[k & 0xffff]
        if code == seccomp.LOAD:
            value, = struct.unpack_from('=I', data, k)
        else:
            true = {seccomp.EQUAL: value == k, seccomp.AT_LEAST: value >= k,
                    seccomp.ANY_BIT: bool(value & k)}[code]
            position += if_true if true else if_false


class TestFilters(base.BaseTestCase):
    def run_filter(self, number, *args, machine='x86_64', index=0):
        return verdict(seccomp.build_filters(machine)[index],
                       seccomp.MACHINES[machine][0], number, *args)

    def test_every_denied_call_on_each_machine(self):
        for machine, (_arch, column) in seccomp.MACHINES.items():
            for name, numbers in seccomp.DENIED.items():
                if numbers[column] is not None:
                    self.assertEqual('EPERM', self.run_filter(
                        numbers[column], machine=machine), (machine, name))

    def test_ordinary_calls_pass(self):
        # read, write, openat, mmap, futex, execve, wait4, kill, getrandom
        for number in (0, 1, 257, 9, 202, 59, 61, 62, 318, seccomp.NEWEST):
            self.assertIsNone(self.run_filter(number), number)
        for number in (63, 64, 56, 222, 98, 221, 260, 129, 278):
            self.assertIsNone(self.run_filter(number, machine='aarch64'),
                              number)

    def test_clone_by_its_flags(self):
        for number, machine in zip(seccomp.CLONE, seccomp.MACHINES):
            for flags in (CLONE_THREAD, CLONE_FORK):
                self.assertIsNone(self.run_filter(number, flags,
                                                  machine=machine))
            for bit in (17, 25, 26, 27, 28, 29, 30):
                self.assertEqual('EPERM', self.run_filter(
                    number, CLONE_FORK | 1 << bit, machine=machine), bit)

    def test_clone3_is_unknown_so_that_clone_is_used(self):
        self.assertEqual('ENOSYS', self.run_filter(seccomp.CLONE3))

    def test_future_calls_are_unknown(self):
        self.assertEqual('ENOSYS', self.run_filter(seccomp.NEWEST + 1))

    def test_ioctl_by_its_command(self):
        self.assertIsNone(self.run_filter(16, 0, 0x5401))
        for command in seccomp.TERMINAL:
            self.assertEqual('EPERM', self.run_filter(16, 0, command))
            # The kernel looks at 32 bits only.
            self.assertEqual('EPERM',
                             self.run_filter(16, 0, command | 1 << 40))

    def test_personality(self):
        self.assertIsNone(self.run_filter(135, 0xFFFFFFFF))
        self.assertIsNone(self.run_filter(135, 0))
        self.assertEqual('EPERM', self.run_filter(135, 0x40000))

    def test_sockets_by_their_family(self):
        for number in (41, 53):
            for family in seccomp.FAMILIES:
                self.assertIsNone(self.run_filter(number, family, 1), family)
            for family in (socket.AF_PACKET, 38, 40, 30, 15, 0, 99):
                self.assertEqual('EPERM', self.run_filter(number, family, 1))

    def test_restricted_socket_families(self):
        program = seccomp.build_filters('x86_64', (socket.AF_NETLINK,))[0]
        for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
            self.assertEqual('EPERM', verdict(program, X86_64, 41, family))
        self.assertIsNone(verdict(program, X86_64, 53, socket.AF_UNIX))

    def test_memory_files(self):
        for memory_files, error in ((True, None), (False, 'ENOSYS')):
            program = seccomp.build_filters(
                'x86_64', memory_files=memory_files)[0]
            for number in (319, 447):
                self.assertEqual(error, verdict(program, X86_64, number))

    def test_calls_of_other_machines(self):
        for program in seccomp.build_filters('x86_64'):
            for machine in (I386, AARCH64):
                self.assertEqual('EPERM', verdict(program, machine, 20))

    def test_x32(self):
        self.assertEqual('EPERM', self.run_filter(seccomp.X32 | 1))

    def test_executors_limit_only_themselves(self):
        self.assertIsNone(self.run_filter(302, 0))
        self.assertIsNone(self.run_filter(302, 0, index=1))
        self.assertEqual('EPERM', self.run_filter(302, 1, index=1))
        self.assertIsNone(self.run_filter(0, 5, index=1))

    def test_unknown_machine(self):
        self.assertEqual([], seccomp.build_filters('riscv64'))

    def test_this_machine(self):
        self.assertEqual(seccomp.build_filters(os.uname().machine),
                         seccomp.build_filters())

    def test_kernel_accepts_the_filter(self):
        for program in (*seccomp.build_filters('x86_64'),
                        *seccomp.build_filters('aarch64')):
            self.assertLess(len(program) // 8, 4096)
