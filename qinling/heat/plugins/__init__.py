# SPDX-License-Identifier: Apache-2.0
"""Directory for the option ``plugin_dirs`` of Heat, with no module besides
the table of resources: Heat imports each module here under another name.
"""
