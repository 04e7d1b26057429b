# SPDX-License-Identifier: Apache-2.0
"""The commands: one module for each noun, for OpenStackClient and for the
shell ``qinling`` alike.

A command reads its words, makes a call of the Python client, and says which
columns are shown.  It knows no HTTP.
"""
