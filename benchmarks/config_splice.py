"""One edit of a config.xml of 10 MB, against lxml doing the same: CPU, and memory beyond the file itself."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pairs import Command, Pairs, median_of
from parts import PYTHON, Bench
from rows import Row, compare
from tools import missing

GROUP = "one edit of a config.xml of 10 MB"
OURS, LXML = "read, splice, prove", "lxml, a tree of it"
GOAL, MEMORY = 0.7, 15
_BYTES = 10_000_000

_RULE = """\
\t\t<rule>
\t\t\t<id></id>
\t\t\t<tracker>{number}</tracker>
\t\t\t<type>pass</type>
\t\t\t<interface>lan</interface>
\t\t\t<ipprotocol>inet</ipprotocol>
\t\t\t<statetype><![CDATA[keep state]]></statetype>
\t\t\t<source>
\t\t\t\t<address>hosts_{number}</address>
\t\t\t</source>
\t\t\t<destination>
\t\t\t\t<any></any>
\t\t\t</destination>
\t\t\t<descr><![CDATA[Rule {number}: R&amp;D to the office (ticket {number})]]></descr>
\t\t\t<updated>
\t\t\t\t<time>{number}</time>
\t\t\t\t<username><![CDATA[admin@192.0.2.7 (Local Database)]]></username>
\t\t\t</updated>
\t\t</rule>
"""
_ALIAS = "\t\t<alias>\n\t\t\t<name>hosts_{number}</name>\n\t\t\t<type>host</type>\n\t\t\t<address>{addresses}</address>\n\t\t</alias>\n"
_CERT = (
    "\t<cert>\n\t\t<refid>5e{number:011x}</refid>\n\t\t<descr><![CDATA[user {number}]]></descr>\n"
    "\t\t<crt>{crt}</crt>\n\t\t<prv>{prv}</prv>\n\t</cert>\n"
)
_HEAD = """\
<?xml version="1.0"?>
<pfsense>
\t<version>23.3</version>
\t<system>
\t\t<hostname>fw</hostname>
\t\t<webgui>
\t\t\t<protocol>https</protocol>
\t\t\t<ssl-certref>5e00000000000</ssl-certref>
\t\t</webgui>
\t</system>
"""
_REVISION = """\
\t<revision>
\t\t<time>0</time>
\t\t<description><![CDATA[x]]></description>
\t\t<username><![CDATA[x]]></username>
\t</revision>
"""
_PACKAGE = "\t<installedpackages>\n\t\t<list>\n\t\t\t<custom>{blob}</custom>\n\t\t</list>\n\t</installedpackages>\n"


def measure(bench: Bench) -> Iterator[Row]:
    """The same edit by both, and what ours holds in memory."""
    absent = missing(bench.tools, "lxml")
    if absent:
        yield Row(group=GROUP, what=OURS, against=LXML, goal=GOAL, not_run=absent)
        return
    before, body = bench.directory / "config.xml", bench.directory / "body"
    before.write_bytes(large_config(_BYTES))
    body.write_text(_body(random.Random(1), 900))
    ours = _command(bench, OURS, PYTHON, "splice_bytes.py", "edited into")
    theirs = _command(bench, LXML, str(bench.tools["lxml"]), "splice_tree.py", "edited")
    row = compare(bench.runner, ours, theirs, bench.count(11), group=GROUP, goal=GOAL)
    yield replace(row, note=_memory(row.pairs, before.stat().st_size))


def large_config(size: int) -> bytes:
    """What a large firewall has: half rules, a fifth aliases, a fifth certificates of users, and a package with a list in base64."""
    chance, number = random.Random(0), 1
    parts: dict[str, list[str]] = {"rule": [], "alias": [], "cert": [_cert(chance, 0)]}
    lengths = {"rule": 0.5 * size, "alias": 0.2 * size, "cert": 0.2 * size}
    makers = {"rule": _rule, "alias": _alias, "cert": _cert}
    for kind, wanted in lengths.items():
        made = 0
        while made < wanted:
            parts[kind].append(makers[kind](chance, number))
            made += len(parts[kind][-1])
            number += 1
    blob = _PACKAGE.format(blob=_body(chance, int(0.074 * size)))
    sections = [f"\t<aliases>\n{''.join(parts['alias'])}\t</aliases>\n", f"\t<filter>\n{''.join(parts['rule'])}\t</filter>\n"]
    return "".join([_HEAD, *sections, _REVISION, blob, *parts["cert"], "</pfsense>\n"]).encode()


def _rule(_chance: random.Random, number: int) -> str:
    return _RULE.format(number=1_600_000_000 + number)


def _alias(chance: random.Random, number: int) -> str:
    return _ALIAS.format(number=number, addresses=" ".join(f"10.{number % 256}.{chance.randrange(256)}.0/24" for _ in range(40)))


def _cert(chance: random.Random, number: int) -> str:
    return _CERT.format(number=number, crt=_body(chance, 1500), prv=_body(chance, 1700))


def _body(chance: random.Random, length: int) -> str:
    return base64.b64encode(chance.randbytes(length)).decode()


def _command(bench: Bench, name: str, python: str, script: str, expects: str) -> Command:
    paths = [str(bench.directory / one) for one in ("config.xml", f"{script}.out", "body")]
    return Command(name=name, argv=[python, str(Path(__file__).with_name(script)), *paths], expects=expects)


def _memory(pairs: Pairs | None, size: int) -> str:
    """The goal for memory, in words: the table has a column for CPU goals only."""
    if pairs is None:
        return ""
    file = size / 1024**2
    ours, theirs = median_of(pairs.ours, "peak"), median_of(pairs.theirs, "peak")
    verdict = "met" if ours <= file + MEMORY else "NOT MET"
    return (
        f"memory at the peak: {ours:.1f} MiB for a file of {file:.1f} MiB (goal: at most {MEMORY} more, {verdict}); lxml {theirs:.0f} MiB"
    )
