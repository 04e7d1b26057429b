# SPDX-License-Identifier: Apache-2.0
"""Functions that the tests upload; each file is the ``main.py`` of a
package."""
