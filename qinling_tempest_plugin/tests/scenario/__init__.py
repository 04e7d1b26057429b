# SPDX-License-Identifier: Apache-2.0
"""What users do with several nouns together."""
