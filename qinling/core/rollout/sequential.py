# SPDX-License-Identifier: Apache-2.0
"""Sequential tests of two proportions, valid at every look.

The test of Turner, Ly and Grünwald ("Generic E-variables for exact sequential
k-sample tests", 2024): the evidence against "the candidate has at most the
proportion of the baseline" is a product over blocks of executions.  Without a
difference, the evidence ever reaches ``1 / alpha`` with a probability of at
most ``alpha``, however often the evidence is read.

Validity at every look costs power.  So a part of ``alpha`` is for the exact
test of Fisher, which is read once at the end of each step.
"""

from collections.abc import Mapping
import dataclasses
import math
import typing

#: Difference of the proportions -> its part of the evidence.  Most counts the
#: difference that a rollout has to find quickly.
DIFFERENCES = {0.05: 0.6, 0.15: 0.25, 0.5: 0.15}
#: Executions and hits that the first estimate assumes.
PRIOR_COUNT, PRIOR_HITS = 20.0, 0.2
MAX_PROPORTION = 0.999
#: Earlier executions of the baseline for each execution of the candidate.
EARLIER_RATIO = 9
#: Evidence of present executions without which earlier executions of the
#: baseline prove nothing: both versions may suffer from the same cause.
MIN_PRESENT_EVIDENCE = 5
#: Share of the earlier executions that only give the first estimate of the
#: second test, and are no evidence.
ESTIMATE_SHARE = 0.25
#: Parts of the probability of a wrong answer, which sum to 1.
PRESENT_PART, EXTENDED_PART, STEP_END_PART = 0.05, 0.2, 0.75
MAX_LOG = 700.0


@dataclasses.dataclass
class Sample:
    """Executions, and those of them with the property under test."""

    count: int = 0
    hits: int = 0

    def add(self, is_hit: bool) -> None:
        """Count one execution."""
        self.count += 1
        self.hits += is_hit

    def __add__(self, addend: 'Sample') -> 'Sample':
        """Return the executions of both samples."""
        return Sample(self.count + addend.count, self.hits + addend.hits)

    @property
    def share(self) -> float:
        """Return the share of hits, 0 without executions."""
        return self.hits / self.count if self.count else 0.0


@dataclasses.dataclass
class Evidence:
    """Evidence of one test, for each of ``DIFFERENCES``.

    ``baseline`` and ``candidate`` have the executions of closed blocks, the
    blocks the executions since.  ``prior`` has executions of the baseline
    that give the first estimate, and are no evidence.
    """

    baseline: Sample = dataclasses.field(default_factory=Sample)
    candidate: Sample = dataclasses.field(default_factory=Sample)
    baseline_block: Sample = dataclasses.field(default_factory=Sample)
    candidate_block: Sample = dataclasses.field(default_factory=Sample)
    prior: Sample = dataclasses.field(default_factory=Sample)
    logs: list[float] = dataclasses.field(
        default_factory=lambda: [0.0] * len(DIFFERENCES))

    @classmethod
    def load(cls, state: Mapping[str, typing.Any]) -> 'Evidence':
        """Return the evidence of a stored state."""
        return cls(logs=list(state['logs']), **{
            name: Sample(**value) for name, value in state.items()
            if name != 'logs'})

    def add(self, is_candidate: bool, is_hit: bool) -> None:
        """Count one execution."""
        block = self.candidate_block if is_candidate else self.baseline_block
        block.add(is_hit)

    def close_block(self) -> None:
        """Weigh the executions since the last block.

        A block without both versions has no evidence, and stays open.
        """
        old, new = self.baseline_block, self.candidate_block
        if not old.count or not new.count:
            return
        # The estimate uses earlier blocks only, as the test requires.
        before = min(MAX_PROPORTION, (
            (self.prior.hits + self.baseline.hits + PRIOR_HITS)
            / (self.prior.count + self.baseline.count + PRIOR_COUNT)))
        for index, difference in enumerate(DIFFERENCES):
            self.logs[index] += _log_evidence(
                old, new, before, min(before + difference, MAX_PROPORTION))
        for total, block in ((self.baseline, old), (self.candidate, new)):
            total.count += block.count
            total.hits += block.hits
        self.baseline_block, self.candidate_block = Sample(), Sample()

    @property
    def value(self) -> float:
        """Return the evidence for a greater proportion of the candidate."""
        greatest = max(self.logs)
        mean = sum(part * math.exp(log - greatest) for part, log
                   in zip(DIFFERENCES.values(), self.logs))
        return math.exp(min(greatest + math.log(mean), MAX_LOG))


def _log_evidence(old: Sample, new: Sample, before: float, after: float
                  ) -> float:
    """Return the logarithm of the likelihood ratio of one block."""
    null = (old.count * before + new.count * after) / (old.count + new.count)
    return _log_ratio(old, before, null) + _log_ratio(new, after, null)


def _log_ratio(sample: Sample, share: float, null: float) -> float:
    return (sample.hits * math.log(share / null)
            + (sample.count - sample.hits)
            * math.log((1 - share) / (1 - null)))


@dataclasses.dataclass
class Comparison:
    """Two tests of a candidate: beside the baseline, and with its past.

    Earlier executions of the baseline make the second test faster, and each
    counts once in each test.  ``earlier`` has those that the second test has
    not used yet, a ``1`` for each hit.
    """

    present: Evidence = dataclasses.field(default_factory=Evidence)
    extended: Evidence = dataclasses.field(default_factory=Evidence)
    earlier: str = ''

    @classmethod
    def begin(cls, earlier: str) -> 'Comparison':
        """Return the comparison before a rollout.

        :param earlier: executions of the baseline, a ``1`` for each hit.
        """
        size = int(len(earlier) * ESTIMATE_SHARE)
        return cls(Evidence(prior=_count(earlier)),
                   Evidence(prior=_count(earlier[:size])), earlier[size:])

    @classmethod
    def load(cls, state: Mapping[str, typing.Any]) -> 'Comparison':
        """Return the comparison of a stored state."""
        return cls(Evidence.load(state['present']),
                   Evidence.load(state['extended']), state['earlier'])

    def add(self, is_candidate: bool, is_hit: bool) -> None:
        """Count one execution."""
        self.present.add(is_candidate, is_hit)
        self.extended.add(is_candidate, is_hit)

    def look(self) -> None:
        """Weigh the executions since the last look."""
        extended = self.extended
        missing = (EARLIER_RATIO * extended.candidate_block.count
                   - extended.baseline_block.count)
        if missing > 0:
            for letter in self.earlier[:missing]:
                extended.baseline_block.add(letter == '1')
            self.earlier = self.earlier[missing:]
        self.present.close_block()
        extended.close_block()

    def is_worse(self, alpha: float) -> bool:
        """Return whether the candidate has the greater proportion.

        :param alpha: probability of a wrong answer in all looks together.
        """
        return (self.present.value * PRESENT_PART * alpha >= 1
                or self.present.value >= MIN_PRESENT_EVIDENCE
                and self.extended.value * EXTENDED_PART * alpha >= 1)

    def is_worse_at_end(self, alpha: float, steps: int) -> bool:
        """Return whether the candidate is worse at the end of a step.

        :param alpha: probability of a wrong answer in the ends of all steps.
        """
        present = self.present
        old = present.baseline + present.baseline_block
        new = present.candidate + present.candidate_block
        return (_fisher(old, new) * MIN_PRESENT_EVIDENCE <= 1
                and _fisher(old + present.prior, new)
                <= alpha * STEP_END_PART / steps)


def _fisher(old: Sample, new: Sample) -> float:
    """Return the probability of as many hits of the candidate, by chance."""
    total = old + new
    misses = total.count - total.hits
    first = max(new.hits, new.count - misses)
    return sum(math.exp(
        _log_choose(total.hits, hits) + _log_choose(misses, new.count - hits)
        - _log_choose(total.count, new.count))
        for hits in range(first, min(new.count, total.hits) + 1))


def _log_choose(count: int, size: int) -> float:
    return (math.lgamma(count + 1) - math.lgamma(size + 1)
            - math.lgamma(count - size + 1))


def _count(letters: str) -> Sample:
    return Sample(len(letters), letters.count('1'))
