# SPDX-License-Identifier: Apache-2.0
"""Runtimes: the pools of warm workers that operators provide.

Code about functions, executions or triggers does not belong here.
"""
