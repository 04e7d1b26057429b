# SPDX-License-Identifier: Apache-2.0
"""Version 1 of the API: one module per noun, with types and controller."""
