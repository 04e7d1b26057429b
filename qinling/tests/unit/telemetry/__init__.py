# SPDX-License-Identifier: Apache-2.0
"""What operators look at."""
