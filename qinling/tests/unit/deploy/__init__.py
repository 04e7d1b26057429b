# SPDX-License-Identifier: Apache-2.0
"""What operators deploy: manifests and images.  Nothing here needs a cluster
or a builder."""
