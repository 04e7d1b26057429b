# SPDX-License-Identifier: Apache-2.0
"""Judgement of a rollout: what the executions so far say of the guards."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import typing

from qinling.core.rollout import sequential
from qinling import states
from qinling.states import ExecutionStatus

#: Least durations from which the p95 of the baseline is taken.
MIN_DURATIONS = 100
#: Most earlier executions of the baseline that a rollout uses.
MAX_EARLIER = 4000
#: Guard -> its part of the probability of a wrong rollback.  A doubled p95 is
#: easy to see, and needs less than a few more failures.
GUARDS = {'errors': 0.8, 'latency': 0.2}


@dataclasses.dataclass(frozen=True)
class Observation:
    """One ended execution; ``duration`` in seconds, ``None`` without a run.
    """

    is_candidate: bool
    is_failure: bool
    duration: float | None


def observe_all(rows: Iterable[typing.Any], candidate: int
                ) -> list[Observation]:
    """Return what executions say, in their order."""
    observations = (observe(row, candidate) for row in rows)
    return [observation for observation in observations
            if observation is not None]


def observe(row: typing.Any, candidate: int) -> Observation | None:
    """Return what an execution says, ``None`` if it says nothing.

    :param row: ``function_version``, ``status``, ``reason``, ``duration``.
    """
    if (row.status == ExecutionStatus.CANCELLED
            or row.reason in states.FOREIGN_REASONS):
        return None
    return Observation(row.function_version == candidate,
                       row.status != ExecutionStatus.SUCCESS, row.duration)


def measure_rate(rows: Sequence[typing.Any], now: datetime.datetime
                 ) -> float | None:
    """Return the executions per second of a version, ``None`` for too few.

    :param rows: the latest executions, newest first.
    """
    if len(rows) < MIN_DURATIONS:
        return None
    age: float = (now - rows[-1].updated_at).total_seconds()
    return len(rows) / max(1.0, age)


@dataclasses.dataclass
class Judgement:
    """Observations of a rollout, which JSON can hold.

    ``threshold`` is the duration in seconds above which a run counts as slow;
    ``durations`` are those of the baseline until the threshold is known.
    """

    errors: sequential.Comparison = dataclasses.field(
        default_factory=sequential.Comparison)
    latency: sequential.Comparison = dataclasses.field(
        default_factory=sequential.Comparison)
    threshold: float | None = None
    durations: list[float] = dataclasses.field(default_factory=list)
    #: Executions of the candidate within the step.
    step_count: int = 0

    @classmethod
    def begin(cls, earlier: Sequence[Observation], guards: Mapping[
            str, typing.Any]) -> 'Judgement':
        """Return the judgement before a rollout.

        :param earlier: executions of the baseline, the newest first.
        """
        judgement = cls(durations=[
            observation.duration for observation in earlier
            if observation.duration is not None])
        judgement.errors = sequential.Comparison.begin(_letters(
            observation.is_failure for observation in earlier))
        judgement._set_threshold(guards)
        if judgement.threshold is not None:
            judgement.latency = sequential.Comparison.begin(_letters(
                observation.duration > judgement.threshold
                for observation in earlier
                if observation.duration is not None))
        return judgement

    @classmethod
    def load(cls, state: Mapping[str, typing.Any]) -> 'Judgement':
        """Return the judgement of a stored state."""
        return cls(sequential.Comparison.load(state['errors']),
                   sequential.Comparison.load(state['latency']),
                   state['threshold'], list(state['durations']),
                   state['step_count'])

    def dump(self) -> dict[str, typing.Any]:
        """Return the state for JSON."""
        return dataclasses.asdict(self)

    def add(self, observations: Sequence[Observation],
            guards: Mapping[str, typing.Any]) -> None:
        """Weigh the executions since the last look."""
        for observation in observations:
            self.step_count += observation.is_candidate
            self.errors.add(observation.is_candidate, observation.is_failure)
            self._add_duration(observation, guards)
        self.errors.look()
        self.latency.look()

    def _add_duration(self, observation: Observation,
                      guards: Mapping[str, typing.Any]) -> None:
        duration = observation.duration
        if duration is None:
            return
        if self.threshold is not None:
            self.latency.add(observation.is_candidate,
                             duration > self.threshold)
        elif not observation.is_candidate:
            self.durations.append(duration)
            self._set_threshold(guards)

    def _set_threshold(self, guards: Mapping[str, typing.Any]) -> None:
        """Fix the threshold as soon as the p95 of the baseline is known."""
        if 'latency' in guards and len(self.durations) >= MIN_DURATIONS:
            p95 = sorted(self.durations)[int(len(self.durations) * 0.95)]
            self.threshold = p95 * guards['latency']['max_ratio']
            self.durations = []

    def find_breach(self, guards: Mapping[str, typing.Any],
                    ending_steps: int | None = None) -> str | None:
        """Return a sentence on the first guard that does not hold.

        :param ending_steps: number of steps of the rollout, at the end of a
            step.
        """
        for name, alpha in _read_alphas(guards).items():
            comparison = getattr(self, name)
            is_worse = (comparison.is_worse(alpha) if ending_steps is None
                        else comparison.is_worse_at_end(alpha, ending_steps))
            old, new = (comparison.present.baseline,
                        comparison.present.candidate)
            if (is_worse
                    and new.share - old.share >= guards[name]['min_rise']):
                return f'The guard of {name} does not hold: ' + (
                    self._describe(name) + '.')
        return None

    def describe(self, guards: Mapping[str, typing.Any]) -> str:
        """Return the figures of all guards as a text for users."""
        return '; '.join(self._describe(name) for name in GUARDS
                         if name in guards)

    def _describe(self, name: str) -> str:
        comparison = getattr(self, name).present
        subject = 'failures'
        if name == 'latency':
            if self.threshold is None:
                return 'p95 of the old version not known yet'
            subject = f'runs above {self.threshold * 1000:.3g} ms'
        return (f'{subject}: {_share(comparison.candidate)} of the new '
                f'version, {_share(comparison.baseline)} of the old version')


def _read_alphas(guards: Mapping[str, typing.Any]) -> dict[str, float]:
    """Return the probability of a wrong rollback by each guard."""
    parts = {name: part for name, part in GUARDS.items() if name in guards}
    return {name: (1 - guards[name]['confidence']) * part
            / sum(parts.values()) for name, part in parts.items()}


def _letters(hits: Iterable[bool]) -> str:
    return ''.join('01'[hit] for hit in hits)


def _share(sample: sequential.Sample) -> str:
    return f'{sample.share:.1%} of {sample.count}'
