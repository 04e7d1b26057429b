# SPDX-License-Identifier: Apache-2.0
"""The controllers, one package for each version of the API."""
