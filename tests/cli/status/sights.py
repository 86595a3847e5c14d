"""What a look may show, made up: every standing, with a past, and names and answers that strangers chose."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from certpush.cli.status.looking import Sight
from certpush.model import Deployment, Endpoint, Installed, Outcome, Phase, Served, Standing, TargetStatus, WayBack, WayBackKind
from certpush.schedule import danger_from, due_at

NOW = datetime(2026, 11, 27, 6, 31, tzinfo=UTC)
HOSTILE = '</title><script>alert(1)</script>"><img src="//evil.example/x" onerror=alert(1)>\x1b[31m\u202egnp.\n&amp;]]>'


def certificate(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def deployment(target: str, ago: timedelta, *, life: timedelta = timedelta(hours=24), **more: Any) -> Deployment:
    began = NOW - ago
    outcome = more.get("outcome", Outcome.ROTATED)
    usual = {"outcome": outcome, "phase": Phase.CONFIRMED if outcome is Outcome.ROTATED else Phase.ROLLED_BACK, "why": "due since 4m"}
    usual |= {"started": began, "finished": began + timedelta(seconds=7) if outcome else None, "not_after": began + life}
    usual |= {"before": Installed(None), "wanted": certificate(int(ago.total_seconds())), "way_back": WayBack(WayBackKind.EXACT, "kept")}
    return Deployment(id=f"{target}-{ago}", target=target, certificate=target, **usual | more)


def status(target: str, kind: str, standing: Standing, age: timedelta | None = None, **more: Any) -> TargetStatus:
    """A target; ``age`` is that of the certificate that is there, of ``life``."""
    life, subject = more.pop("life", timedelta(hours=24)), more.pop("subject", f"CN={target}.home.example")
    seen: dict[str, Any] = {}
    if age is not None:
        begins, ends = NOW - age, NOW - age + life
        served = Served(
            Endpoint(f"{target}.home.example", 443),
            certificate(int(age.total_seconds())),
            ends,
            chain_ok=True,
            not_before=begins,
            subject=subject,
        )
        seen = {"served": (served,), "not_before": begins, "not_after": ends}
        if standing not in (Standing.FOREIGN, Standing.NEW, Standing.DRIFTED):
            seen |= {"due": due_at(begins, ends, Fraction(2, 3), target), "danger": danger_from(begins, ends, Fraction(1, 6))}
    return TargetStatus(target, kind, standing, **seen | more)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def renewed(target: str, *ago: float, life: timedelta = timedelta(hours=24)) -> list[Deployment]:
    return [deployment(target, hours(one), life=life) for one in ago]


def every_standing() -> Sight:
    """One of each, and some that are well."""
    year, month = timedelta(days=395), timedelta(days=30)
    lost = deployment(
        "nas", hours(3), outcome=Outcome.STRANDED, phase=Phase.STRANDED,
        error="the reload command failed: systemctl reload nginx (exit status 1); going back failed too: no answer in time",
    )  # fmt: skip
    failed = deployment(
        "mail", hours(1.2), outcome=Outcome.ROLLED_BACK, error="the check command failed: postfix check (exit status 1)\npostfix: fatal: no"
    )
    past: dict[str, Sequence[Deployment]] = {
        "wiki": renewed("wiki", 6, 22, 38),
        "cluster/pve1": renewed("cluster/pve1", 24 * 90, 24 * 350, life=year),
        "cluster/pve2": renewed("cluster/pve2", 24 * 90, 24 * 350, life=year),
        "cluster/pve3": renewed("cluster/pve3", 24 * 90, 24 * 350, life=year),
        "firewall": renewed("firewall", 24 * 6, 24 * 25.8, life=month),
        "proxy": renewed("proxy", 16.4, 32),
        "nas": [lost, *renewed("nas", 21, 37)],
        "mail": [failed, *renewed("mail", 21.5, 38)],
        "backup": renewed("backup", 30, 46),
        "git": renewed("git", 12),
        "media": renewed("media", 9, 25),
        "switch": renewed("switch", 24 * 100, life=year),
        "camera": renewed("camera", 10, 26),
        "shop": renewed("shop", 3),
    }

    def last(name: str) -> Deployment | None:
        return past[name][0] if name in past else None

    statuses = [
        status("wiki", "ssh", Standing.OK, hours(6), last=last("wiki")),
        *(status(f"cluster/pve{n}", "proxmox", Standing.OK, hours(24 * 90 + n), life=year, last=last(f"cluster/pve{n}")) for n in (1, 2, 3)),
        status("firewall", "pfsense", Standing.OK, hours(24 * 6), life=month, last=last("firewall")),
        status("proxy", "ssh", Standing.DUE, hours(16.4), last=last("proxy")),
        status("shop", "ssh", Standing.OK, hours(3), last=last("shop")),
        status("nas", "ssh", Standing.STRANDED, hours(21), last=last("nas")),
        status("mail", "ssh", Standing.DANGER, hours(21.5), last=last("mail")),
        status("backup", "proxmox-backup", Standing.EXPIRED, hours(26), last=last("backup"), problems=("backup.home.example:8007: expired on 2026-11-27 04:31 UTC",)),
        status("git", "file", Standing.DRIFTED, hours(2), last=last("git"), problems=("git.home.example:443: the chain does not lead to our root (an intermediate is missing, or another CA signed it)",)),
        status("printer", "ssh", Standing.FOREIGN, hours(24 * 200), life=timedelta(days=365)),
        status("media", "ssh", Standing.UNREACHABLE, last=last("media"), problems=("media.home.example:443: Connection refused",)),
        status("switch", "opnsense", Standing.UNTRUSTED, hours(24 * 100), life=year, last=last("switch"), problems=("switch.home.example:443 shows another certificate than the pinned one: 5f:3a:91\ncompare it on the console, then certpush trust switch",)),
        status("camera", "proxmox", Standing.LOGIN_REFUSED, hours(10), last=last("camera"), problems=("camera.home.example:8006: the token was not accepted (401)\nmake a new one, and write it where token points to",)),
        status("pbx", "ssh", Standing.UNKNOWN, problems=("target.pbx: there is no key 'relaod'\ndid you mean 'reload'?",)),
        status("lab", "ssh", Standing.NEW, hours(24 * 30), life=timedelta(days=365), subject="CN=lab"),
    ]  # fmt: skip
    return Sight(NOW, statuses, past)


def hostile() -> Sight:
    """Strangers chose every text."""
    bad = deployment(HOSTILE, hours(2), outcome=Outcome.ROLLED_BACK, error=HOSTILE * 9, why=HOSTILE)
    one = status(HOSTILE, HOSTILE, Standing.DRIFTED, hours(5), subject=HOSTILE, last=bad, problems=(HOSTILE, "x" * 5000))
    return Sight(NOW, [one], {HOSTILE: [bad]})


def many(count: int) -> Sight:
    """A thousand that are well but for a few."""
    names = [f"host-{number:04}.site-{number % 7}.home.example" for number in range(count)]
    ill = {7: Standing.DANGER, 300: Standing.UNREACHABLE, 301: Standing.DRIFTED}
    statuses = [
        status(
            name,
            "ssh",
            ill.get(number, Standing.OK),
            hours(21 if number == 7 else number % 15 + 0.5),
            last=deployment(name, hours(number % 15)),
        )
        for number, name in enumerate(names)
    ]
    return Sight(NOW, statuses, {name: renewed(name, number % 15, number % 15 + 16) for number, name in enumerate(names)})
