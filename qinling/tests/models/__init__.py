# SPDX-License-Identifier: Apache-2.0
"""Executable models of the protocols, explored state by state.

A model copies the order of statements and the conditions of the service, and
names the function behind each action.  Workers, HTTP and SQL have no place
here; :mod:`qinling.tests.unit.models` runs the models and their mutants.
"""
