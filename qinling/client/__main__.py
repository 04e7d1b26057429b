# SPDX-License-Identifier: Apache-2.0
"""Entry point of the command ``qinling``."""

import gc
import sys


def main(argv: list[str] | None = None) -> int | str:
    """Run a command.

    :returns: the exit code, or a sentence for ``sys.exit`` if the libraries
        of the command line are not installed: the service does not need them.
    """
    # Looking for garbage while modules are imported finds nothing, and takes a
    # fifth of the time of a short command.
    gc.set_threshold(100_000)
    try:
        from qinling.client import shell
    except ModuleNotFoundError as e:
        return (f'{e.name} is not installed. Install the libraries of the '
                "command line: run \"pip install '.[cli]'\" in the checkout.")
    return shell.main(sys.argv[1:] if argv is None else argv)


if __name__ == '__main__':
    sys.exit(main())
