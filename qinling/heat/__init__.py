# SPDX-License-Identifier: Apache-2.0
"""Plugin of Heat: resources ``OS::Qinling::*`` in templates of stacks.

``clients`` is loaded through the entry points of the package, ``plugins`` by
the option ``plugin_dirs`` of Heat.  The package uses ``qinling.client``, not
the service.
"""
