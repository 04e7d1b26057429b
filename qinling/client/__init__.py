# SPDX-License-Identifier: Apache-2.0
"""For those who use the service: the Python client (``v1``), the commands,
the plugin of OpenStackClient and the shell ``qinling``.

``v1`` knows HTTP and no columns, ``commands`` columns and no HTTP.  Nothing
here imports the service, and nothing in the service imports this.
"""
