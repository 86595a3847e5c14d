"""What plugin authors import stands at certpush.testing, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from certpush import testing


@pytest.mark.parametrize("name", testing.__all__)
def test_every_public_name_is_there(name):
    assert getattr(testing, name).__name__ == name
    assert name in dir(testing)


def test_another_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = testing.nothing


def test_only_the_contract_brings_pytest():
    ask = "import sys; from certpush.testing import EmbeddedCa, MemoryTarget, Authority; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
