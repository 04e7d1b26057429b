# SPDX-License-Identifier: Apache-2.0
"""Stand-in for a Kubernetes cluster, ready within a moment.

The stand-in follows the documentation of the Kubernetes API (1.36), so a
driver works on the stand-in and on a real cluster alike, and a sloppy driver
fails on both: an API server over HTTPS with state (:mod:`.server`,
:mod:`.registry`, :mod:`.store`), the controllers for the tests
(:mod:`.controllers`), a scheduler, and a kubelet (:mod:`.kubelet`) with
containers as local processes.  :class:`.cluster.Cluster` is the fixture of all
parts.

No module here imports from the rest of Qinling, which an import contract
checks.
"""
