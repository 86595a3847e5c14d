"""The tally as text that Prometheus reads (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from certpush import Outcome, __version__
from certpush_metrics.tally import Known, Ran, Tally

Labels = Mapping[str, str]
Samples = Iterator[tuple[Labels, float]]

_OF_TARGETS: tuple[tuple[str, Literal["gauge", "counter"], str, Callable[[Known], float | None]], ...] = (
    (
        "certpush_certificate_not_before_timestamp_seconds",
        "gauge",
        "From when the certificate of the target is valid.",
        lambda one: one.not_before,
    ),
    (
        "certpush_certificate_not_after_timestamp_seconds",
        "gauge",
        "Until when the certificate of the target is valid.",
        lambda one: one.not_after,
    ),
    ("certpush_certificate_due_timestamp_seconds", "gauge", "From when it is to be replaced.", lambda one: one.due),
    (
        "certpush_certificate_danger_timestamp_seconds",
        "gauge",
        "From when so little of it is left that a person should know.",
        lambda one: one.danger,
    ),
    ("certpush_last_attempt_timestamp_seconds", "gauge", "When certpush worked on the target last.", lambda one: one.attempt),
    ("certpush_last_success_timestamp_seconds", "gauge", "When all was well with the target last.", lambda one: one.success),
    ("certpush_rotations_total", "counter", "How often a new certificate was deployed and seen.", lambda one: one.rotations),
    ("certpush_failures_total", "counter", "How often that failed or was refused.", lambda one: one.failures),
)
_OF_RUNS: tuple[tuple[str, str, Callable[[Ran], float]], ...] = (
    ("certpush_last_run_timestamp_seconds", "When the last run of this command ended.", lambda one: one.at),
    ("certpush_last_run_duration_seconds", "How long it took.", lambda one: one.seconds),
    ("certpush_last_run_targets", "How many targets it looked at.", lambda one: one.targets),
    ("certpush_last_run_failures", "How many of them failed.", lambda one: one.failures),
)


def exposition(tally: Tally) -> bytes:
    """The whole text; every series stands below what it means."""
    lines = [*_family("certpush_build_info", "gauge", "Which certpush wrote this.", iter([({"version": __version__}, 1)]))]
    for name, form, help_text, value in _OF_TARGETS:
        lines += _family(name, form, help_text, _each_target(tally, value))
    lines += _family("certpush_last_outcome", "gauge", "How certpush's last work on the target ended: 1 for one outcome.", _outcomes(tally))
    for name, help_text, number in _OF_RUNS:
        lines += _family(name, "gauge", help_text, (({"command": command}, number(ran)) for command, ran in sorted(tally.runs.items())))
    return "".join(f"{line}\n" for line in lines).encode()


def _each_target(tally: Tally, value: Callable[[Known], float | None]) -> Samples:
    for target, known in sorted(tally.targets.items()):
        number = value(known)
        if number is not None:
            yield {"target": target, "kind": known.kind}, number


def _outcomes(tally: Tally) -> Samples:
    for target, known in sorted(tally.targets.items()):
        for outcome in Outcome if known.outcome else ():
            yield {"target": target, "kind": known.kind, "outcome": outcome.value}, outcome.value == known.outcome


def _family(name: str, form: Literal["gauge", "counter"], help_text: str, samples: Samples) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {form}"
    for labels, value in samples:
        yield f"{name}{{{','.join(f'{label}={_quoted(text)}' for label, text in labels.items())}}} {_number(value)}"


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\""))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"
