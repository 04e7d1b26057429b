# SPDX-License-Identifier: Apache-2.0
"""Where the code of a function comes from.

A driver is one module with a class ``Driver``: it checks what a user sends
and gives the engine the bytes to load.  It knows storage, but no database,
no request and no bus.
"""
