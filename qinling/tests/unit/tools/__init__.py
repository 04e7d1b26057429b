# SPDX-License-Identifier: Apache-2.0
"""The scripts of ``tools/``, which are not part of the installed service."""
