"""The CPU ratios as an SVG picture: a bar from 1 (the same as the other) to the median, a line over all pairs, a mark at the goal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from rows import times

_LEFT, _WIDTH, _STEP, _TOP = 400, 480, 34, 64
_DECADES = (0.01, 0.1, 1, 10, 100)
_MET, _MISSED, _WITHOUT = "#2f7d4f", "#b3432f", "#5b6b7b"


def picture(rows: Iterable[Mapping[str, Any]], title: str) -> str:
    """All comparisons that were run, as one SVG document; ``rows`` are those of the results' JSON."""
    ran = [row for row in rows if "cpu" in row]
    height = _TOP + _STEP * len(ran) + 40
    total = _LEFT + _WIDTH + 90
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{total}" height="{height}" fill="white"/>',
        f'<text x="16" y="26" font-size="15" font-weight="bold">{escape(title)}</text>',
        *_axis(height),
        *(part for place, row in enumerate(ran) for part in _bar(row, _TOP + _STEP * place)),
        *_legend(height - 14),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def _across(ratio: float) -> float:
    """Where a ratio stands from left to right; each factor of ten takes the same width."""
    lowest, highest = math.log10(_DECADES[0]), math.log10(_DECADES[-1])
    return _LEFT + _WIDTH * (math.log10(ratio) - lowest) / (highest - lowest)


def _axis(height: int) -> Iterator[str]:
    for decade in _DECADES:
        x, width = _across(decade), 2 if decade == 1 else 1
        yield f'<line x1="{x:.0f}" y1="{_TOP - 14}" x2="{x:.0f}" y2="{height - 34}" stroke="#c8cdd2" stroke-width="{width}"/>'
        yield f'<text x="{x:.0f}" y="{_TOP - 20}" text-anchor="middle" fill="#444">{decade:g}x</text>'


def _bar(row: Mapping[str, Any], y: int) -> Iterator[str]:
    ratio, lowest, highest = (row["cpu"][one] for one in ("ratio", "lowest", "highest"))
    colour = {"met": _MET, "NOT MET": _MISSED}.get(row["verdict"][:7], _WITHOUT)
    left, right = sorted((_across(1), _across(ratio)))
    yield f'<text x="{_LEFT - 12}" y="{y + 8}" text-anchor="end">{escape(row["what"])}</text>'
    yield f'<text x="{_LEFT - 12}" y="{y + 21}" text-anchor="end" font-size="10" fill="#666">against {escape(row["against"])}</text>'
    yield f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}" height="16" fill="{colour}"/>'
    yield _line(_across(lowest), y + 8, _across(highest), y + 8, 'stroke-width="2"')
    if row["goal"]:
        yield _line(_across(row["goal"]), y - 4, _across(row["goal"]), y + 20, 'stroke-dasharray="3 2"')
    yield f'<text x="{_LEFT + _WIDTH + 14}" y="{y + 13}" font-weight="bold" fill="{colour}">{times(ratio)}x</text>'


def _line(x1: float, y1: float, x2: float, y2: float, how: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}" stroke="black" {how}/>'


def _legend(y: int) -> Iterator[str]:
    x = 16
    for colour, text in ((_MET, "goal met"), (_MISSED, "goal missed"), (_WITHOUT, "no goal")):
        yield f'<rect x="{x}" y="{y - 11}" width="14" height="12" fill="{colour}"/><text x="{x + 20}" y="{y}">{text}</text>'
        x += 110
    yield f'<text x="{x + 10}" y="{y}">dashed: the goal; black line: from the lowest to the highest pair; left of 1x is cheaper</text>'
