# SPDX-License-Identifier: Apache-2.0
"""Functions that the tests upload; each file becomes the ``main.py`` of a
package."""
