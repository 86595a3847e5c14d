"""The releases of pfSense that the stand-in can be, and what tells them apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """One release: what stands in /etc/version, its line of code, the config.xml version it writes, the FreeBSD below.

    ``line`` is what the PHP of the stand-in decides by: 270 is the first with config_get_path, 280 the
    first with config_read_file, 290 the first whose cache counts only while it is fresh.
    """

    name: str
    version: str
    line: int
    config_version: str
    freebsd: str
    label: str = "pfSense"
    has_base64: bool = False


RELEASES = {
    one.name: one
    for one in (
        Release("2.5.2", "2.5.2-RELEASE", 252, "21.7", "12.2-STABLE"),
        Release("2.6.0", "2.6.0-RELEASE", 260, "22.2", "12.3-STABLE"),
        Release("2.7.2", "2.7.2-RELEASE", 272, "23.3", "14.0-CURRENT"),
        Release("2.8.0", "2.8.0-RELEASE", 280, "23.9", "15.0-CURRENT", has_base64=True),
        Release("2.9-dev", "2.9.0-DEVELOPMENT", 290, "24.5", "16.0-CURRENT", has_base64=True),
        Release("plus-24.11", "24.11-RELEASE", 280, "23.9", "15.0-CURRENT", "pfSense Plus", has_base64=True),
    )
}
