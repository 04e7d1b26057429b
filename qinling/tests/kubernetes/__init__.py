# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a Kubernetes cluster, made in a moment.

It keeps to what the documentation of the Kubernetes API (1.36) promises, so
that a driver that works on it works on a real cluster, and a sloppy one fails
on it: an API server over HTTPS that keeps state (:mod:`.server`,
:mod:`.registry`, :mod:`.store`), the controllers that tests need
(:mod:`.controllers`), a scheduler, and a kubelet (:mod:`.kubelet`) that starts
containers as processes of this machine.  :class:`.cluster.Cluster` has it all
as a fixture.

Nothing here knows Qinling, but for the table of images in :mod:`.images`.
"""
