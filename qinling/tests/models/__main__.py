# SPDX-License-Identifier: Apache-2.0
"""Print the sizes of all models, and what their mutants break."""

from qinling.tests.models import catalogue
from qinling.tests.models import explorer


def main() -> None:
    """Explore all models and mutants."""
    for name, (create, mutants) in catalogue.MODELS.items():
        coverage = explorer.explore(create())
        print(f'{name}: {coverage.states} states, depth {coverage.depth}')
        for guard in mutants:
            try:
                explorer.explore(create(**{guard: False}))
            except explorer.Violation as e:
                print(f'  without {guard}: {e.sentence} '
                      f'({len(e.trace)} steps)')


if __name__ == '__main__':
    main()
