# SPDX-License-Identifier: Apache-2.0
"""Version 1: one module a noun, with its types and its controller."""
