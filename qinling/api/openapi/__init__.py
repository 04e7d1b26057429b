# SPDX-License-Identifier: Apache-2.0
"""Description of the API in OpenAPI 3.1, made from the declared routes.

The modules read :class:`qinling.api.route.route`, the WSME types and the rules
of policies; no module here serves a request or declares a path.
"""
