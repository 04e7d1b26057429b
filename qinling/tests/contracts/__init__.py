# SPDX-License-Identifier: Apache-2.0
"""What every driver of a family must do, run against each of them."""
