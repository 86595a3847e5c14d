"""Many threads read into a type that nobody used before: the process must live."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Without the module that is tried here, each of these ends by SIGSEGV within a few rounds.
RACE = """
import sys, threading, types
from certpush.kit.settings import convert
from certpush.kit.shapes import known

sys.setswitchinterval(1e-6)
SOURCE = '''
from __future__ import annotations
from typing import Annotated
import msgspec
from certpush.kit.settings import Doc, Duration, Settings

class Host(Settings):
    host: Annotated[str, Doc("where")]
    names: Annotated[tuple[str, ...], Doc("of what")] = ()
    after: Annotated[Duration | None, Doc("when")] = None

class File(msgspec.Struct):
    path: str
    mode: int | None = None

class Record(msgspec.Struct):
    files: list[File]
    first: File | None = None
'''


def settings(module):
    assert convert({"host": "here", "after": "1h"}, module.Host, path="target.x", read_secret=None).host == "here"


def record(module):
    import msgspec
    assert msgspec.convert({"files": [{"path": "a"}]}, known(module.Record)).files[0].path == "a"


def race(work):
    started = threading.Barrier(4)
    threads = [threading.Thread(target=lambda: started.wait() is not None and work()) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


for number in range(100):
    module = sys.modules[f"fresh{number}"] = types.ModuleType(f"fresh{number}")
    exec(SOURCE, module.__dict__)
    race(lambda: WORK(module))
print("alive")
"""


@pytest.mark.parametrize("work", ["settings", "record"])
def test_threads_that_meet_a_new_type_at_the_same_moment_do_not_end_the_process(work):
    ran = subprocess.run([sys.executable, "-c", RACE.replace("WORK", work)], capture_output=True, text=True, check=False, timeout=50)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "alive\n", "")
