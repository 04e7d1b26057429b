# SPDX-License-Identifier: Apache-2.0
"""Each noun by itself."""
