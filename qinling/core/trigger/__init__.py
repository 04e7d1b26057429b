# SPDX-License-Identifier: Apache-2.0
"""Triggers: everything that creates executions.

A trigger builds a request and hands the request to :mod:`.base`; only
:mod:`qinling.core.execution` writes executions.
"""
