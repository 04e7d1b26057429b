# SPDX-License-Identifier: Apache-2.0
"""Raises."""


def main(**kwargs):
    raise ValueError('this went wrong')
