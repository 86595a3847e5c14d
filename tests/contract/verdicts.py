"""What the contract suite says of classes that are made up for the purpose, run as a plugin's author runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conftest import MEASURES, once_for_all


def verdicts_on(
    factory: pytest.TempPathFactory, name: str, source: str, tests: Sequence[str], *, settings: str = "", seconds: float
) -> Mapping[str, ET.Element]:
    """Run these tests (``TestCLASS::test``) of a module with this source, once for all processes; the report of each CLASS."""

    def run(folder: Path) -> None:
        (folder / "test_it.py").write_text(source)
        (folder / "pytest.ini").write_text(f"[pytest]\n{settings}")
        options = ["-q", "-p", "no:cacheprovider", "--junitxml=report.xml"]
        command = [sys.executable, "-m", "pytest", *options, *(f"test_it.py::{one}" for one in tests)]
        # What breaks its promise runs nowhere else, so it is measured here.
        ended = subprocess.run(command, cwd=folder, env=os.environ | MEASURES, check=False, capture_output=True, timeout=seconds)
        assert ended.returncode == 1, ended.stdout.decode()[-3000:]

    report = ET.parse(once_for_all(factory, name, run) / "report.xml")
    return {case.attrib["classname"].rpartition(".Test")[2]: case for case in report.iter("testcase")}
