"""``python -m certpush.testing.conformance PIPE FOLDER``: run the suite on the order in FOLDER, tell the pipe how it goes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from certpush.testing.conformance.order import Order
from certpush.testing.conformance.reporter import Reporter

# Of a configuration that lies about where the command was called, or of the plugin's own project, nothing may matter.
_OPTIONS = (
    *("-q", "--tb=short", "-p", "no:cacheprovider"),
    *("--config-file=pytest.ini", "--rootdir=.", "--basetemp=files"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # certpush is at work already, so its own assertions stay as they are
)


def main(pipe: int, folder: Path) -> int:
    """Give pytest's exit code; what it prints is for whoever looks for a reason."""
    order = Order.read(folder)
    os.chdir(folder)
    with open(pipe, "w", encoding="utf-8", buffering=1) as heard:
        return int(pytest.main([*_OPTIONS, str(order.write_test(folder))], plugins=[Reporter(order, heard)]))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
