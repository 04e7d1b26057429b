# SPDX-License-Identifier: Apache-2.0
"""Function that fails."""


def main(**kwargs: object) -> None:
    raise ValueError('this went wrong')
