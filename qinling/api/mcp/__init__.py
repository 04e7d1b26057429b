# SPDX-License-Identifier: Apache-2.0
"""Model Context Protocol at ``/v1/mcp``: routes of the API as tools.

A tool is a view of the OpenAPI operation of a route.  A call of a tool becomes
the request of the route, with the same identity, policy, limits, metrics and
audit; no module here decides on permissions or calls the core.
"""
