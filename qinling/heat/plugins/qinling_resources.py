# SPDX-License-Identifier: Apache-2.0
"""Types of resources, in the form that Heat searches for."""

from qinling.heat import aliases
from qinling.heat import base
from qinling.heat import functions
from qinling.heat import jobs
from qinling.heat import runtimes
from qinling.heat import versions
from qinling.heat import webhooks


def resource_mapping() -> dict[str, type[base.Resource]]:
    """Return the classes of the types of resources."""
    return {
        'OS::Qinling::Alias': aliases.Alias,
        'OS::Qinling::Function': functions.Function,
        'OS::Qinling::Job': jobs.Job,
        'OS::Qinling::Runtime': runtimes.Runtime,
        'OS::Qinling::Version': versions.Version,
        'OS::Qinling::Webhook': webhooks.Webhook,
    }
