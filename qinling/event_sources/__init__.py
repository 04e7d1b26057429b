# SPDX-License-Identifier: Apache-2.0
"""Drivers of event sources: one module for each kind.

A driver reads and acknowledges events.  It knows no database and no
execution; :mod:`qinling.engine.periodic.event_consumer` uses the drivers.
"""
