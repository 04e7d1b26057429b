# SPDX-License-Identifier: Apache-2.0
"""User side of Qinling: the Python client (``v1``), the commands, the plugin
of OpenStackClient and the shell ``qinling``.

``v1`` handles HTTP without columns, ``commands`` columns without HTTP.  The
client does not import the service, and the service does not import the
client.
"""
