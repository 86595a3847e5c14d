"""What a plan says of a switch: the change, who shares the old certificate, the box's own way back, how to recover by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from certpush.kit.command import escaped
from certpush.kit.settings import format_duration
from certpush_pfsense.config_xml import diff
from certpush_pfsense.config_xml.consumers import Reference, references
from certpush_pfsense.config_xml.edit import Edit
from certpush_pfsense.config_xml.entries import OURS
from certpush_pfsense.config_xml.new_entry import NewEntry
from certpush_pfsense.config_xml.reading import Config
from certpush_pfsense.config_xml.splice import apply

if TYPE_CHECKING:
    from certpush_pfsense.settings import PfSenseSettings

_NOBODY = ("cert/", "ca/", "revision/")
"""Where a refid stands in a description."""
_SOME = NewEntry("cert", "0" * 13, "", "LS0=")


def lines(config: Config, settings: PfSenseSettings) -> tuple[str, ...]:
    """The lines of the plan."""
    return tuple(_lines(config, settings))


def shared(config: Config, settings: PfSenseSettings) -> tuple[tuple[Reference, ...], tuple[Reference, ...]]:
    """Who else uses the web GUI's certificate: those that change over with it, and those that stay."""
    found = references(config, config.webgui.certref) if config.webgui.certref else ()
    uses = [one for one in found if one.kind not in ("webgui", "chain") and not one.path.startswith(_NOBODY)]
    going = tuple(one for one in uses if one.kind in settings.also and one.movable)
    return going, tuple(one for one in uses if one not in going)


def _lines(config: Config, settings: PfSenseSettings) -> Iterator[str]:
    going, staying = shared(config, settings)
    change = diff.words(Edit(certs=(_SOME,), point_to=_SOME.refid, repoint=going, repoint_to=_SOME.refid))
    yield f"{change}, and a <ca> for each issuer that is not there yet; web GUI restarts, captive portal too"
    yield from (f"  {line}" for line in _diff(config, going))
    for one in going:
        yield f"changes over as well: {escaped(one.name)}"
    for one in staying:
        yield f"stays on the old certificate: {escaped(one.name)}" + (f' (also = ["{one.kind}"] takes it along)' if one.movable else "")
    yield f"{settings.host} goes back to its old certificate by itself after {format_duration(settings.rescue_after)} unless confirmed"
    entry = config.cert(config.webgui.certref)
    if entry is None or not entry.descr.startswith(OURS):
        yield from _recovery(config)


def _diff(config: Config, going: tuple[Reference, ...]) -> Iterator[str]:
    """The edit as it would be made, by the code that makes it; the certificate, and so its refid, is not there yet."""
    edit = Edit(certs=(_SOME,), point_to=_SOME.refid, repoint=going, repoint_to=_SOME.refid)
    for line in diff.lines(config, apply(config, edit)):
        if "<prv>" not in line and "<descr>" not in line:
            yield line.replace(_SOME.refid, "(new)").replace("(nothing readable)", "(the new certificate)").expandtabs(2)


def _recovery(config: Config) -> Iterator[str]:
    """What to keep at hand before a first switch: it is for the day when nobody reaches the web GUI."""
    entry = config.cert(config.webgui.certref)
    old = f"{escaped(entry.descr)!r}" if entry else "another certificate"
    yield "should the web GUI not come back, on the console or by SSH:"
    yield "  menu 11 restarts it; SSH stays up all the time"
    yield f"  menu 15 (or System > Advanced > Admin Access, SSL/TLS certificate) goes back to {old}"
    yield "  pfSsh.php playback generateguicert gives it a new self-signed one"
