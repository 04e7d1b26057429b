# SPDX-License-Identifier: Apache-2.0
"""The REST API through its WSGI application, over a real core and a fake
engine."""
