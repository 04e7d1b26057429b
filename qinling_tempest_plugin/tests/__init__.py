# SPDX-License-Identifier: Apache-2.0
"""The tests: ``api`` noun by noun, ``scenario`` as users combine them."""
