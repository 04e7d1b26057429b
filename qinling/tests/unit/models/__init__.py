# SPDX-License-Identifier: Apache-2.0
"""Runs of the models of the protocols, and of their mutants."""
