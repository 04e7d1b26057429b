# SPDX-License-Identifier: Apache-2.0
"""Simulation of the shipped code, with faults, in virtual time.

APIs and engines run as they are, each as a process of cooperative threads, of
which exactly one runs.  A seed decides which, and which faults happen.  Only
the clock, the threads, the bus, the sockets and the workers are simulated.
"""
