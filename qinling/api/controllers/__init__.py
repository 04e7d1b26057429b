# SPDX-License-Identifier: Apache-2.0
"""Controllers: one package per version of the API."""
