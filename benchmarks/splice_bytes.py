"""Add an authority and a certificate to a config.xml and point the web GUI at it: read, edit, prove, write."""

from __future__ import annotations

import sys

from certpush_pfsense.config_xml.new_entry import NewEntry
from certpush_pfsense.config_xml.reading import Revision, read
from certpush_pfsense.config_xml.splice import Edit, apply

CERT, CA = "6a1b2c3d4e5f0", "6a1b2c3d4e5f1"


def main(before: str, after: str, body: str) -> None:
    with open(before, "rb") as file:  # noqa: PTH123 - importing pathlib is no part of the edit
        config = read(file.read())
    with open(body) as file:  # noqa: PTH123
        text = file.read()
    cert, ca = NewEntry("cert", CERT, "certpush fw", text, text, CA), NewEntry("ca", CA, "certpush CA Lab", text)
    edited = apply(config, Edit((ca,), (cert,), CERT, revision=Revision(1, "certpush: fw", "(system)")))
    with open(after, "wb") as file:  # noqa: PTH123
        file.writelines(edited.pieces)
    print(f"edited into {edited.size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
