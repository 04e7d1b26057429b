# SPDX-License-Identifier: Apache-2.0
"""Fuzz the parsers of texts from outside.

With the package ``atheris``, the fuzzer follows the coverage of the code;
without, the inputs are random changes of valid ones.  Each input that causes
an unexpected error is written to the corpus, which the unit tests repeat.
"""

import argparse
from collections.abc import Iterator
import hashlib
import pathlib
import random
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import targets as targets_module  # noqa: E402

CORPUS = pathlib.Path(__file__).parent / 'corpus'
#: Findings after which a target ends.
MAX_FINDINGS = 3
#: Pieces that parsers treat in a special way.
TOKENS = (b'\0', b'\xff', b'\xed\xa0\x80', b'%', b'\r\n', b'\n', b'"', b'{',
          b'[', b'\\ud800', b'1e999', b'-', b'9' * 25, b'PK\x05\x06',
          b'PK\x01\x02', b'../', b'\\', b': ', b'; ', b'=', b'&', b'*', b'#',
          b'  ', b'\xef\xbb\xbf', b'\xff\xfe')


def mutate(rng: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return a random change of a valid input."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 8)):
        start = rng.randint(0, len(data))
        end = min(len(data), start + rng.randint(0, 8))
        match rng.randint(0, 4):
            case 0:
                data[start:end] = b''
            case 1:
                data[start:start] = rng.choice(TOKENS)
            case 2:
                data[start:end] = rng.randbytes(end - start)
            case 3:
                data[start:start] = data[start:end] * rng.randint(1, 50)
            case _:
                seed = rng.choice(seeds)
                data[start:] = seed[rng.randint(0, len(seed)):]
    return bytes(data)


def list_findings(name: str) -> Iterator[bytes]:
    """Yield the inputs that once caused an error."""
    for path in sorted((CORPUS / name).glob('*')):
        yield path.read_bytes()


def _record(name: str, data: bytes) -> None:
    directory = CORPUS / name
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    print(f'{name}: see {path}')
    traceback.print_exc()


def fuzz(name: str, seconds: float, seed: int) -> tuple[int, int]:
    """Change valid inputs at random.

    :returns: numbers of inputs and of findings.
    """
    target, rng = targets_module.TARGETS[name], random.Random(seed)
    deadline, number, findings = time.monotonic() + seconds, 0, 0
    while time.monotonic() < deadline and findings < MAX_FINDINGS:
        number += 1
        data = mutate(rng, target.seeds)
        try:
            target.run(data)
        except Exception:
            _record(name, data)
            findings += 1
    return number, findings


def fuzz_by_coverage(name: str, seconds: float) -> None:
    """Run ``atheris``, which ends the process."""
    import atheris
    target = targets_module.TARGETS[name]
    corpus = CORPUS / '.atheris' / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f'seed-{number}').write_bytes(seed)

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except Exception:
            _record(name, data)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f'-max_total_time={seconds:.0f}',
                   '-max_len=4096', str(corpus)], run)
    atheris.Fuzz()


def main() -> None:
    """Fuzz the named targets, by default all of them."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('targets', nargs='*', metavar='target',
                        help=', '.join(targets_module.TARGETS))
    parser.add_argument('--seconds', type=float, default=60,
                        help='seconds for each target (default: 60)')
    parser.add_argument('--seed', type=int, default=0,
                        help='seed of the random changes (default: 0)')
    parser.add_argument('--coverage', action='store_true',
                        help='follow the coverage with atheris, for one '
                             'target')
    arguments = parser.parse_args()
    if arguments.coverage:
        fuzz_by_coverage(arguments.targets[0], arguments.seconds)
    findings = 0
    for name in arguments.targets or targets_module.TARGETS:
        number, found_here = fuzz(name, arguments.seconds, arguments.seed)
        print(f'{name}: {number} inputs, {found_here} findings')
        findings += found_here
    sys.exit(findings > 0)


if __name__ == '__main__':
    main()
