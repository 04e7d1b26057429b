# SPDX-License-Identifier: Apache-2.0
"""Orchestrator of workers as sandboxed child processes on this machine.

``driver`` has the pools, ``worker`` the life of a worker process.
``sandbox_spec`` describes a sandbox, ``sandbox_backends`` create the command
of bubblewrap or of ``sandbox``, ``sandbox_selection`` selects a backend.
``cgroups`` and ``cpu_throttle`` limit workers, ``confinement`` and ``seccomp``
restrict workers.  ``languages`` declares the languages.  The agent runs the
functions, see :mod:`qinling.runtimes`.
"""

from qinling.orchestrators.process.driver import Driver

__all__ = ('Driver',)
