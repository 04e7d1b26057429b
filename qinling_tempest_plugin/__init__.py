# SPDX-License-Identifier: Apache-2.0
"""Tests of a running Qinling with tempest.

The tests call the REST API with users that tempest creates in Keystone.  The
plugin does not import the service, which may run on any host.
"""
