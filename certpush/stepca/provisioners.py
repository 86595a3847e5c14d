"""Choosing the provisioner: by name, or the only one that fits; else saying what there is."""

from __future__ import annotations

from collections.abc import Sequence

from certpush.errors import IssuerRefused
from certpush.stepca.wire import Provisioner, printable

_HOW = {
    "jwk": "a password works with provisioners of type JWK",
    "x5c": "x5c_certificate works with provisioners of type X5C",
}


def choose(listed: Sequence[Provisioner], name: str | None, kind: str, whose: str) -> tuple[Provisioner, ...]:
    """Give the provisioners of that name and type: more than one where several share a name (each with its own key).

    Names are compared letter by letter, as step-ca does; types are not.

    Raises:
        IssuerRefused: there is none, or several to choose from; the hint names what there is.

    """
    fitting = [one for one in listed if one.type.casefold() == kind.casefold()]
    if name is None:
        name = _only_name(fitting, listed, kind, whose)
    chosen = tuple(one for one in fitting if one.name == name)
    if not chosen:
        raise _none(listed, name, kind, whose)
    for one in chosen:
        _refuse_failed(one, whose)
    return chosen


def _only_name(fitting: Sequence[Provisioner], listed: Sequence[Provisioner], kind: str, whose: str) -> str:
    names = sorted({one.name for one in fitting})
    if not names:
        raise IssuerRefused(f"{whose}: there is no provisioner of type {kind}", hint=f"{_HOW[kind.casefold()]}; {_there_are(listed)}")
    if len(names) > 1:
        raise IssuerRefused(
            f"{whose}: there are {len(names)} provisioners of type {kind}: {', '.join(map(printable, names))}",
            hint=f'name one of them: provisioner = "{printable(names[0])}"',
        )
    return names[0]


def _none(listed: Sequence[Provisioner], name: str, kind: str, whose: str) -> IssuerRefused:
    other_type = next((one for one in listed if one.name == name), None)
    if other_type:
        return IssuerRefused(
            f"{whose}: the provisioner {name!r} is of type {printable(other_type.type)}, not {kind}",
            hint=f"{_HOW[kind.casefold()]}; {_there_are(listed)}",
        )
    near = _nearest(name, [one.name for one in listed])
    return IssuerRefused(
        f"{whose}: there is no provisioner {name!r}",
        hint=f"did you mean {near!r}? (upper and lower case count)" if near else _there_are(listed),
    )


def _nearest(name: str, names: Sequence[str]) -> str | None:
    by_lower_case = {one.casefold(): one for one in names}
    import difflib  # only for a mistyped name

    near = difflib.get_close_matches(name.casefold(), list(by_lower_case), n=1)
    return by_lower_case[near[0]] if near else None


def _refuse_failed(provisioner: Provisioner, whose: str) -> None:
    if provisioner.state.casefold() == "uninitialized":
        why = printable(provisioner.state_reason) or "no reason given"
        raise IssuerRefused(
            f"{whose}: the provisioner {provisioner.name!r} did not start on the CA: {why}",
            hint="mend that on the CA and restart step-ca",
        )


def _there_are(listed: Sequence[Provisioner]) -> str:
    shown = [f"{printable(one.name)} ({printable(one.type)})" for one in listed[:20]]
    return f"the CA has: {', '.join(shown)}" if shown else "the CA lists no provisioner at all"
