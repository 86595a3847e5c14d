"""Ends, failures and secrets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import pytest

from certpush.errors import CertpushError, TargetAuthFailed, TargetUnreachable
from certpush.kit.settings import Settings
from certpush.model import CertificateRequest
from certpush.plugins.isolation.crossing import secrets_in
from certpush.target import Target
from certpush.testing.contract.bench import AnyBench
from certpush.testing.contract.demands import must_raise, need_secrets, not_claimed, not_tried
from certpush.testing.leaks import find_leak


class EndsAndSecrets:
    """Obligations when things go wrong, and of keeping quiet."""

    def test_close_is_harmless_at_any_time(self, bench: AnyBench) -> None:
        """Whatever happened before, and twice."""
        unused, used = bench.open(), bench.open()
        used.inspect()
        for target in (unused, used):
            target.close()
            target.close()

    @pytest.mark.parametrize("verb", ["inspect", "stage", "activate", "rollback"])
    def test_an_unreachable_device_is_told_in_time(self, bench: AnyBench, verb: str) -> None:
        """As TargetUnreachable: the core tries some verbs again, and says where nobody answered."""
        if bench.case.unreachable is None:
            not_claimed("the case says that there is nothing to reach")
        old = bench.deploy()
        new, before = bench.mint(), bench.inspect()
        staged = bench.stage(new)
        calls: dict[str, Callable[[Target], object]] = {
            "inspect": lambda target: target.inspect(),
            "stage": lambda target: target.stage(new),
            "activate": lambda target: target.activate(staged, new),
            "rollback": lambda target: target.rollback(before, staged, old.bundle),
        }
        may_pass = verb == "stage"  # a device without a durable step stages nothing, so it need not be asked
        with must_raise(TargetUnreachable, f"{verb}() on a device that nobody reaches must raise TargetUnreachable", unless=may_pass):
            calls[verb](bench.open(bench.case.unreachable))

    def test_a_refused_login_is_told_without_repeating_it(self, bench: AnyBench) -> None:
        """As TargetAuthFailed, and not what was tried: the right one is often the same but for a letter."""
        wrong = _wrong_login(bench)
        target, new = bench.open(wrong), bench.mint()
        deeds: tuple[Callable[[], object], ...] = (target.inspect, lambda: target.activate(target.stage(new), new))
        told = next((error for deed in deeds for error in _raised_by(deed)), None)
        assert told is not None, "nothing was said of a login that the device refuses: raise TargetAuthFailed"
        assert isinstance(told, TargetAuthFailed), f"a refused login must raise TargetAuthFailed, not {type(told).__name__}: {told}"
        _refuse_leak("the error of a refused login", "\n".join(_texts_of(told)), bench, also=secrets_in(wrong))

    def test_settings_show_no_secret(self, bench: AnyBench) -> None:
        """Type the field as ``certpush.Secret``, and it cannot be printed."""
        _refuse_leak("repr(settings)", repr(bench.case.settings) + str(bench.case.settings), bench)
        if not bench.secrets:
            not_claimed("there is no secret in the settings")

    def test_the_target_shows_no_secret(self, bench: AnyBench) -> None:
        """Tracebacks and debuggers print it."""
        bench.deploy()
        target, new = bench.open(), bench.mint()
        target.activate(target.stage(new), new)
        _refuse_leak("repr(target)", repr(target.inner) + str(target.inner), bench)

    def test_handles_hold_no_secret(self, bench: AnyBench) -> None:
        """The journal is no place for keys."""
        deployed = bench.deploy()
        handles = (deployed.before, deployed.staged, bench.inspect())
        _refuse_leak("a handle", repr(handles), bench)

    def test_plans_and_findings_show_no_secret(self, bench: AnyBench) -> None:
        """They are printed before anything happens, and sent on by `doctor`."""
        target, request = bench.open(), CertificateRequest(bench.mint().names)
        shown = (target.preflight(request), target.changes(request), target.endpoints())
        _refuse_leak("preflight(), changes() or endpoints()", repr(shown), bench)

    def test_errors_hold_no_secret(self, bench: AnyBench) -> None:
        """They are shown, logged and sent on."""
        texts = [*_errors_of_a_broken_switch(bench), *_errors_of_nobody_there(bench)]
        _refuse_leak("an error", "\n".join(texts), bench)


def _errors_of_a_broken_switch(bench: AnyBench) -> Iterator[str]:
    bench.deploy()
    new = bench.mint()
    with bench.case.broken_switch() if bench.case.broken_switch else contextlib.nullcontext():
        yield from _error_of(lambda: bench.switch(new))


def _errors_of_nobody_there(bench: AnyBench) -> Iterator[str]:
    if bench.case.unreachable is not None:
        yield from _error_of(lambda: bench.open(bench.case.unreachable).stage(bench.mint()))


def _wrong_login(bench: AnyBench) -> Settings:
    if bench.case.unreachable is None:
        not_claimed("the case says that there is nothing to reach")
    if bench.knows_the_secrets and not bench.secrets:
        not_claimed("there is no secret in the settings to log in with")
    if bench.case.wrong_login is None:
        not_tried("give TargetCase.wrong_login: settings with a password or token that the device refuses")
    wrong: Settings = bench.case.wrong_login
    return wrong


def _error_of(deed: Callable[[], object]) -> Iterator[str]:
    for error in _raised_by(deed):
        yield from _texts_of(error)


def _raised_by(deed: Callable[[], object]) -> Iterator[CertpushError]:
    try:
        deed()
    except CertpushError as error:
        yield error


def _texts_of(error: CertpushError) -> Iterator[str]:
    cause: BaseException | None = error
    while cause is not None:
        yield f"{cause!r} {cause} {vars(cause)!r}"
        cause = cause.__cause__ or cause.__context__


def _refuse_leak(where: str, text: str, bench: AnyBench, *, also: Iterable[str] = ()) -> None:
    leak = find_leak(text, keys=bench.keys, secrets=(*bench.secrets, *also))
    assert not leak, f"{where} shows {leak}"
    need_secrets(known=bench.knows_the_secrets)
