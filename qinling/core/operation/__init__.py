# SPDX-License-Identifier: Apache-2.0
"""Operations: one action on all executions that a filter selects.

The API creates the row, and engines act in batches.  What happens to a single
execution belongs to :mod:`qinling.core.execution` and
:mod:`qinling.core.trigger`.
"""
