"""Reads one hostile file in a process of its own, and tells what that took beyond the file itself."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from certpush.errors import SafetyRefusal
from certpush_pfsense.config_xml.reading import read
from plugins.pfsense.config_xml.trees import small


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def said(source: bytes) -> str:
    try:
        read(source)
    except SafetyRefusal as refusal:
        return refusal.message
    return "fine"


source = eval(sys.argv[1], {"small": small})
before, begun = peak(), time.process_time()
print(json.dumps({"said": said(source), "seconds": time.process_time() - begun, "grown": peak() - before}))
