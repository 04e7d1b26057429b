# SPDX-License-Identifier: Apache-2.0
"""Web interface at ``/ui/``: static files, and the login at Keystone."""
