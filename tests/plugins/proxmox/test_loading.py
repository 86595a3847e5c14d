"""Loading proxmoxer changes nothing for the rest of the program, and happens only where an API is talked to."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = """
import json, logging, sys, warnings
before = list(warnings.filters)
{what}
from urllib3.exceptions import InsecureRequestWarning
with warnings.catch_warnings(record=True) as heard:
    warnings.warn("not verified", InsecureRequestWarning)
kept = [one for one in before if one in warnings.filters] == before
print(json.dumps(dict(heard=len(heard), kept=kept, level=logging.getLogger("proxmoxer.core").level)))
"""
BY_ITSELF = "import proxmoxer.backends.https"
OURS = "from certpush_proxmox.library import open_client; open_client('127.0.0.1', 1, seconds=1)"


def loaded(what: str, *options: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, *options, "-c", LOADED.format(what=what)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_by_itself_proxmoxer_silences_the_warnings_of_everybody():
    """Else the next test would show nothing."""
    assert loaded(BY_ITSELF)["heard"] == 0


@pytest.mark.parametrize("options", [(), ("-W", "always")], ids=["usual", "always"])
def test_loaded_by_us_it_leaves_the_warnings_of_the_program_alone(options):
    told = loaded(OURS, *options)
    assert told["heard"] == 1
    assert told["kept"] is True


def test_opened_twice_and_by_many_threads_it_still_does():
    many = "from concurrent.futures import ThreadPoolExecutor as Pool; from certpush_proxmox.library import open_client\n"
    many += "with Pool(8) as pool: list(pool.map(lambda _: open_client('127.0.0.1', 1, seconds=1), range(32)))"
    assert loaded(many)["heard"] == 1


@pytest.mark.parametrize(
    "what",
    [
        "import certpush_proxmox.ve, certpush_proxmox.backup, certpush_proxmox.mail, certpush_proxmox.datacenter",
        "from certpush_proxmox import ve; ve.certpush_target()",
    ],
    ids=["modules", "kinds"],
)
def test_declaring_the_kinds_loads_no_http_client(what):
    tell = "import json, sys; print(json.dumps([one for one in ('requests', 'urllib3', 'proxmoxer') if one in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", f"{what}\n{tell}"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
