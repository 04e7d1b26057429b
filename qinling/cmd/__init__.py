# SPDX-License-Identifier: Apache-2.0
"""The programs: each reads its configuration, builds what it needs from the
other packages, and hands it around.  Nothing is decided here.
"""
