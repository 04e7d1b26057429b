# SPDX-License-Identifier: Apache-2.0
"""Commands for OpenStackClient and for the shell ``qinling``: one module for
each noun.

A command declares arguments, calls the Python client, and names the columns
of the output.  HTTP belongs to the Python client.
"""
