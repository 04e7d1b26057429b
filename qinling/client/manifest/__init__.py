# SPDX-License-Identifier: Apache-2.0
"""Applications in a file: what a project should contain.

:mod:`.model` reads the file, :mod:`.plan` compares it with the server, and
:mod:`.export` writes a file from a server.
"""
