# SPDX-License-Identifier: Apache-2.0
"""The simulation, and short runs of the shipped code in it."""
