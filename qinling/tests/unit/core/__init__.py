# SPDX-License-Identifier: Apache-2.0
"""What functions, runtimes and executions are and what may happen to them."""
