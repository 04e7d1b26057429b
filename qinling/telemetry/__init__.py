# SPDX-License-Identifier: Apache-2.0
"""What operators look at: whether a process is well, figures, traces.

Nothing here knows what it is told about: it is handed functions and numbers.
Nothing that a user sees may live here.
"""
