# SPDX-License-Identifier: Apache-2.0
"""Workers as sandboxed child processes on this machine.

``driver`` keeps the pools; ``worker`` is the life of one worker from its
socket to its end; ``plan`` says what a sandbox shows, ``launchers`` turn that
into the command of bubblewrap or of our own ``sandbox``; ``cgroups`` limits;
``languages`` is the table of runtimes.  Nothing here runs functions: that is
the agent's, see :mod:`qinling.runtimes`.
"""

from qinling.orchestrators.process.driver import Driver

__all__ = ('Driver',)
