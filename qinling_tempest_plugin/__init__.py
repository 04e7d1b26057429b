# SPDX-License-Identifier: Apache-2.0
"""Tests of a running Qinling by tempest.

What a cloud promises its users and operators is tested here through the REST
API, with users that tempest makes in Keystone.  Nothing of the service is
imported, since it may run anywhere.
"""
