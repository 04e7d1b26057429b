# SPDX-License-Identifier: Apache-2.0
"""The tests; see the package of each kind."""
