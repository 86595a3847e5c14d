"""Look at the installed files on the other machine without changing anything; no key leaves it."""

from __future__ import annotations

from certpush.kit.placement import Placement, Seen
from certpush.kit.remote.hands import RemoteHands
from certpush.kit.rendering import Role
from certpush.kit.ssh.session import Told

_MODE_BITS = (0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001)
_SPECIAL = {"s": 0o1, "S": 0, "t": 0o1, "T": 0}
_HOW = {Role.FULLCHAIN: "pem", Role.CERT: "pem", Role.COMBINED: "pem", Role.PKCS12: "all"}


def ask_to_look(hands: RemoteHands, placement: Placement) -> None:
    """Add the steps that look at every path that is switched or served from."""
    roles = {path: role for role, path in placement.places.items()}
    for number, path in enumerate(_paths(placement)):
        role = roles.get(path)
        hands.step("look", str(number), path, _HOW.get(role, "none") if role else "none")


def what_was_seen(told: Told, placement: Placement) -> dict[str, Seen]:
    """Understand what those steps said."""
    lines = dict(line.split(" ", 1) for line in told.of("seen"))
    texts = {number: bytes.fromhex(text) for number, _, text in (line.partition(" ") for line in told.of("text"))}
    for number, _, line in (line.partition(" ") for line in told.of("pem")):
        texts[number] = texts.get(number, b"") + line.encode() + b"\n"
    return {
        path: _seen(lines[str(number)], texts.get(str(number), b"")) if str(number) in lines else Seen()
        for number, path in enumerate(_paths(placement))
    }


def _paths(placement: Placement) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*placement.switched, *placement.places.values())))


def _seen(line: str, text: bytes) -> Seen:
    mode, uid, gid, state = line.split(" ", 3)
    return Seen(state, parse_mode(mode), int(uid), int(gid), text)


def parse_mode(shown: str) -> int:
    """The permission bits of what `ls -l` prints (``-rw-r-----``), without set-user-id and the like."""
    return sum(bit for bit, letter in zip(_MODE_BITS, shown[1:10], strict=True) if letter not in "-ST")
