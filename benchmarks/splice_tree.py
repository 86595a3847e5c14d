"""The same edit as splice_bytes.py by lxml: a tree of everything, CDATA kept, written anew."""

from __future__ import annotations

import sys

from lxml import etree

CERT, CA = "6a1b2c3d4e5f0", "6a1b2c3d4e5f1"


def main(before: str, after: str, body: str) -> None:
    tree = etree.parse(before, etree.XMLParser(strip_cdata=False, resolve_entities=False, huge_tree=True))
    root = tree.getroot()
    with open(body) as file:  # noqa: PTH123 - as in splice_bytes.py
        text = file.read()
    add(root, "ca", {"refid": CA, "descr": etree.CDATA("certpush CA Lab"), "crt": text, "serial": "0"})
    add(root, "cert", {"refid": CERT, "descr": etree.CDATA("certpush fw"), "crt": text, "prv": text, "caref": CA})
    root.find("system/webgui/ssl-certref").text = CERT
    revision = root.find("revision")
    for name, value in (("time", "1"), ("description", etree.CDATA("certpush: fw")), ("username", etree.CDATA("(system)"))):
        revision.find(name).text = value
    tree.write(after, encoding="utf-8", xml_declaration=True)
    print("edited")


def add(root: etree._Element, kind: str, values: dict[str, str]) -> None:
    entry = etree.Element(kind)
    for name, value in values.items():
        etree.SubElement(entry, name).text = value
    last = root.findall(kind)[-1:]
    last[0].addnext(entry) if last else root.append(entry)


if __name__ == "__main__":
    main(*sys.argv[1:])
