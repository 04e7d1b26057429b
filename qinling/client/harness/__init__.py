# SPDX-License-Identifier: Apache-2.0
"""Programs that run beside a function in a sandbox: tests and debuggers.

:mod:`.archives` adds them to packages. The programs run in workers, with any
Python from 3.9 on, and import only the standard library.
"""
