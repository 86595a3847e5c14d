"""What certpush finds when a configuration names the kind."""

from __future__ import annotations

import pytest

from certpush.errors import PluginError
from certpush.plugins import PluginLoader, available
from certpush.testing.contract.bench import AnyBench
from certpush.testing.contract.demands import not_tried


class Declared:
    """Obligations of the package around the kind: the rest of the suite is handed the kind, and needs none of it."""

    def test_certpush_loads_the_kind(self, bench: AnyBench) -> None:
        """By its entry point, as a deployment does: a hook without ``@hookimpl``, or one that returns nothing, is never found."""
        name = bench.kind.name
        if all(one.name != name for one in available()):
            not_tried(f"nothing that is installed here offers the kind {name!r}: pip install -e . (the entry point has that name, too)")
        with PluginLoader() as loader:
            try:
                loader.load_kind(name)
            except PluginError as error:
                pytest.fail(f"certpush cannot load it: {error} ({error.hint})", pytrace=False)
