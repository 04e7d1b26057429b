# SPDX-License-Identifier: Apache-2.0
"""Programs: read the configuration, and construct and connect components.

The package contains no business rules.
"""
