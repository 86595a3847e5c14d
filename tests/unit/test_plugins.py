from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from textwrap import dedent

import pytest

from certpush.errors import PluginBroken, PluginConflict, PluginNotFound
from certpush.model import Event
from certpush.plugins import RESERVED_NAMES, Offer, PluginLoader, available

Install = Callable[..., Path]

HEAD = """
from certpush import Settings, Target, TargetKind, hookimpl

class NasSettings(Settings):
    host: str

class NasTarget(Target):
    def inspect(self): raise NotImplementedError
    def stage(self, bundle): raise NotImplementedError
    def activate(self, staged, bundle): raise NotImplementedError
    def rollback(self, to, staged, previous): raise NotImplementedError
"""


def a_kind(name: str, *, arguments: str = "", answer: str = "") -> str:
    """The source of a plugin that declares a kind."""
    answer = answer or f'TargetKind("{name}", "A NAS", NasSettings, NasTarget{arguments})'
    return f"{HEAD}\n@hookimpl\ndef certpush_target():\n    return {answer}\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay down a distribution as pip would, and put it on the import path."""
    before = set(sys.modules)

    def write(name: str, offers: Mapping[str, str], modules: Mapping[str, str], *, version: str = "1.0", folder: str = "") -> Path:
        site = tmp_path / (folder or f"{name}-{version}")
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{kind} = {module}" for kind, module in offers.items()]
        (info / "entry_points.txt").write_text("[certpush]\n" + "\n".join(lines) + "\n")
        for module, source in modules.items():
            (site / f"{module}.py").write_text(dedent(source))
        monkeypatch.syspath_prepend(str(site))
        return site

    apart, set_apart = [], PluginLoader._set_apart
    monkeypatch.setattr(PluginLoader, "_set_apart", lambda *given: (apart.append(set_apart(*given)), apart[-1])[1])
    yield write
    for plugin in apart:  # a loader that nobody closes ends its processes when it is collected; here, many would wait for that
        plugin.close()
    for module in set(sys.modules) - before:
        if module.startswith("fake_"):
            del sys.modules[module]


def offer_of(name: str) -> Offer:
    (offer,) = (one for one in available() if one.name == name)
    return offer


# --- what is offered ---------------------------------------------------------------------------


def test_the_built_ins_are_offered_by_certpush_itself() -> None:
    own = {offer.name for offer in available() if offer.built_in}
    assert {"file", "ssh"} <= own <= RESERVED_NAMES


def test_an_offer_tells_its_distribution_version_and_module(install: Install) -> None:
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")}, version="2.7")
    assert offer_of("acme-nas") == Offer("acme-nas", "acme-nas", "2.7", "fake_acme")
    assert "fake_acme" not in sys.modules


def test_names_of_others_cannot_play_tricks_on_a_terminal(install: Install) -> None:
    install("acme-nas", {"acme\x1b[2J": "fake_acme"}, {})
    assert offer_of("acme\\x1b[2J").distribution == "acme-nas"


def test_damaged_metadata_of_another_project_stops_nothing(install: Install) -> None:
    site = install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")})
    broken = site / "other-1.0.dist-info"
    broken.mkdir()
    (broken / "entry_points.txt").write_text("[console_scripts]\nthis is no entry point\n")
    assert PluginLoader().load_kind("acme-nas").name == "acme-nas"


# --- only what is named is executed --------------------------------------------------------------


def test_an_installed_plugin_that_is_not_configured_is_not_imported(install: Install, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    install("evil", {"evil": "fake_evil"}, {"fake_evil": f"open({str(touched)!r}, 'w').close()"})
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")})

    assert offer_of("evil").distribution == "evil"
    assert PluginLoader().load_kind("acme-nas").name == "acme-nas"

    assert not touched.exists()
    with pytest.raises(PluginBroken):
        PluginLoader().load_kind("evil")
    assert touched.exists(), "the side effect would have been seen"


def test_importing_the_loader_imports_no_heavy_library() -> None:
    heavy = ("requests", "paramiko", "rich", "certpush_file", "certpush_ssh", "certpush.testing")
    code = f"import certpush.plugins, sys; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_a_kind_is_loaded_once(install: Install) -> None:
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")})
    loader = PluginLoader()
    assert loader.load_kind("acme-nas") is loader.load_kind("acme-nas")


def test_two_loaders_do_not_know_of_each_other(install: Install) -> None:
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")})
    assert PluginLoader().load_kind("acme-nas") is not PluginLoader().load_kind("acme-nas")


def test_threads_that_ask_at_once_get_one_kind(install: Install) -> None:
    slow = "import time; time.sleep(0.05)\n" + a_kind("acme-nas")
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": slow})
    loader, kinds = PluginLoader(), []
    threads = [threading.Thread(target=lambda: kinds.append(loader.load_kind("acme-nas"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kinds) == 8
    assert len({id(kind) for kind in kinds}) == 1


# --- names ------------------------------------------------------------------------------------------


def test_a_misspelt_kind_names_the_nearest_and_all_there_are() -> None:
    with pytest.raises(PluginNotFound, match="no installed plugin offers the kind 'shs'") as refused:
        PluginLoader().load_kind("shs")
    assert "did you mean 'ssh'?" in refused.value.hint
    built_in = sorted(one.name for one in metadata.distribution("certpush").entry_points.select(group="certpush"))
    targets, observers = [one for one in built_in if one not in ("metrics", "notify")], "metrics, notify"
    assert {"file", "ssh"} < set(targets)
    assert ", ".join(targets) in refused.value.hint
    with pytest.raises(PluginNotFound) as refused:
        PluginLoader().load_observer("metric")
    assert refused.value.hint.startswith(f"did you mean 'metrics'? kinds here: {observers}")


def test_a_name_that_two_distributions_claim_is_refused_and_both_are_named(install: Install) -> None:
    install("acme-nas", {"acme": "fake_acme"}, {"fake_acme": a_kind("acme")})
    install("acme-too", {"acme": "fake_too"}, {"fake_too": a_kind("acme")}, version="3.1")

    with pytest.raises(PluginConflict, match=r"acme-nas 1\.0 and acme-too 3\.1 claim the name 'acme'") as refused:
        PluginLoader().load_kind("acme")

    assert refused.value.hint == "keep one: pip uninstall acme-nas or pip uninstall acme-too"
    assert [offer.conflict for offer in available() if offer.name == "acme"] == [str(refused.value)] * 2
    assert not {"fake_acme", "fake_too"} & set(sys.modules)


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_third_party_that_claims_a_name_of_certpush_is_refused(install: Install, name: str) -> None:
    install("evil", {name: "fake_evil"}, {"fake_evil": a_kind(name)}, version="6.6")

    with pytest.raises(PluginConflict, match=rf"evil 6\.6 claims the name '{name}', which belongs to certpush") as refused:
        PluginLoader().load_kind(name)

    assert "pip uninstall evil" in refused.value.hint
    assert "fake_evil" not in sys.modules


def test_the_same_distribution_found_twice_is_no_conflict(install: Install) -> None:
    """An editable install is found beside its metadata and in the source folder."""
    source = {"fake_acme": a_kind("acme-nas")}
    install("acme-nas", {"acme-nas": "fake_acme"}, source, folder="site")
    install("Acme_NAS", {"acme-nas": "fake_acme"}, source, folder="checkout")
    assert offer_of("acme-nas").conflict == ""
    assert PluginLoader().load_kind("acme-nas").name == "acme-nas"


def test_two_versions_of_one_distribution_are_a_leftover(install: Install) -> None:
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")}, version="1.0")
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")}, version="1.1")
    with pytest.raises(PluginConflict, match=r"acme-nas 1\.0 and acme-nas 1\.1") as refused:
        PluginLoader().load_kind("acme-nas")
    assert "pip install --force-reinstall acme-nas" in refused.value.hint


def test_a_conflict_elsewhere_does_not_stop_the_others(install: Install) -> None:
    install("evil", {"ssh": "fake_evil"}, {})
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")})
    assert PluginLoader().load_kind("acme-nas").name == "acme-nas"


# --- a plugin that cannot be used ----------------------------------------------------------------------

MISSPELT = HEAD + '\n@hookimpl\ndef certpush_tarket():\n    return TargetKind("acme", "", NasSettings, NasTarget)\n'
EXTRA_ARGUMENT = HEAD + "\n@hookimpl\ndef certpush_target(config):\n    return None\n"
RAISING = HEAD + '\n@hookimpl\ndef certpush_target():\n    raise RuntimeError("no idea")\n'
UNMARKED = a_kind("acme").replace("@hookimpl", "")
FORGOTTEN = a_kind("acme").replace("return TargetKind", "TargetKind")
EXITING = HEAD + "\n@hookimpl\ndef certpush_target():\n    raise SystemExit(3)\n"

BROKEN = {
    "an import that fails": ("import there_is_no_such_module", "cannot be imported: ModuleNotFoundError", "--force-reinstall"),
    "an import that raises": ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero", "python -c 'import fake_acme'"),
    "an import that exits": ("raise SystemExit(0)", "cannot be imported: SystemExit: 0", "update or uninstall acme-dist"),
    "a syntax error": ("def :", "cannot be imported: SyntaxError", "update or uninstall acme-dist"),
    "a misspelt hook": (MISSPELT, "unknown hook 'certpush_tarket'", "hooks are: certpush_observe, "),
    "an extra argument": (EXTRA_ARGUMENT, "'config'", "update acme-dist or certpush"),
    "no hook at all": ("x = 1", "declares no target", "[observer.NAME]"),
    "a hook without its mark": (UNMARKED, "declares no target", "certpush_target() needs @hookimpl above it"),
    "a hook that returns nothing": (FORGOTTEN, "declares no target", "and a return"),
    "a hook that raises": (RAISING, "failed in certpush_target(): RuntimeError: no idea", "update or uninstall"),
    "a hook that exits": (EXITING, "failed in certpush_target(): SystemExit: 3", "update or uninstall"),
    "an answer of another type": (a_kind("acme", answer="NasTarget"), "gave ABCMeta, not a TargetKind", "authors of acme-dist"),
    "another name": (a_kind("nas"), "calls its kind 'nas', but its entry point 'acme'", "authors of acme-dist"),
    "settings of another type": (
        a_kind("acme", answer='TargetKind("acme", "", dict, NasTarget)'),
        "its settings are no subclass of certpush.Settings",
        "authors of acme-dist",
    ),
    "settings that are no class": (
        a_kind("acme", answer='TargetKind("acme", "", NasSettings(host="x"), NasTarget)'),
        "its settings are no subclass of certpush.Settings",
        "authors of acme-dist",
    ),
    "nothing to open": (a_kind("acme", answer='TargetKind("acme", "", NasSettings, None)'), "open cannot be called", "authors"),
    "no keys": (a_kind("acme", arguments=", accepted_keys=frozenset()"), "accepted_keys names no key", "authors"),
    "unknown keys": (a_kind("acme", arguments=', accepted_keys={"rsa-512"}'), "accepted_keys names no key, or one", "authors"),
    "a newer contract": (a_kind("acme", arguments=", api=99"), "version 99 of the target contract; certpush 0", "update certpush"),
    "an older contract": (a_kind("acme", arguments=", api=0"), "version 0 of the target contract", "update acme-dist"),
    "a made-up contract": (a_kind("acme", arguments=", api='new'"), "version 'new' of the target contract", "update acme-dist"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_named_with_what_to_do(install: Install, what: str) -> None:
    source, problem, hint = BROKEN[what]
    install("acme-dist", {"acme": "fake_acme"}, {"fake_acme": source}, version="4.2")

    with pytest.raises(PluginBroken) as refused:
        PluginLoader().load_kind("acme")

    assert str(refused.value).startswith("the plugin 'acme' (acme-dist 4.2) ")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)
    assert hint in refused.value.hint


def test_fewer_arguments_are_fine_so_that_hooks_can_grow(install: Install) -> None:
    source = a_kind("acme-nas") + "\n@hookimpl\ndef certpush_observe():\n    pass\n"
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": source})
    assert PluginLoader().load_kind("acme-nas").name == "acme-nas"


def test_one_module_behind_two_kinds_is_refused(install: Install) -> None:
    install("certpush", {"acme-nas": "fake_acme", "acme-two": "fake_acme"}, {"fake_acme": a_kind("acme-nas")})
    loader = PluginLoader()
    assert loader.load_kind("acme-nas").name == "acme-nas"
    with pytest.raises(PluginBroken, match="cannot be registered") as refused:
        loader.load_kind("acme-two")
    assert "a module of its own" in refused.value.hint


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_does_not_spoil_the_next_one(install: Install, what: str) -> None:
    install("acme-dist", {"acme": "fake_acme"}, {"fake_acme": BROKEN[what][0]})
    install("good", {"good": "fake_good"}, {"fake_good": a_kind("good")})
    loader = PluginLoader()
    with pytest.raises(PluginBroken):
        loader.load_kind("acme")
    assert loader.load_kind("good").name == "good"
    with pytest.raises(PluginBroken):
        loader.load_kind("acme")


def test_ctrl_c_during_an_import_is_not_swallowed(install: Install) -> None:
    install("certpush", {"acme-nas": "fake_acme"}, {"fake_acme": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        PluginLoader().load_kind("acme-nas")


def test_a_question_reaches_one_plugin_only(install: Install) -> None:
    spy = "asked = []\n" + a_kind("spy", answer='(asked.append(1), TargetKind("spy", "", NasSettings, NasTarget))[1]')
    install("certpush", {"spy": "fake_spy"}, {"fake_spy": spy})
    install("good", {"good": "fake_good"}, {"fake_good": a_kind("good")})
    loader = PluginLoader()
    loader.load_kind("spy")
    loader.load_kind("good")
    assert sys.modules["fake_spy"].asked == [1]


# --- observers --------------------------------------------------------------------------------------------

OBSERVER = """
from certpush import Observer, ObserverKind, Settings, hookimpl

class Chat(Settings):
    room: str

class Teller(Observer):
    def __init__(self, settings, run): ...
    def hear(self, event): ...

@hookimpl
def certpush_observer():
    return {answer}
"""


def an_observer(name: str, *, arguments: str = "", answer: str = "") -> str:
    return OBSERVER.format(answer=answer or f'ObserverKind("{name}", "a chat", Chat, Teller{arguments})')


def an_event() -> Event:
    return Event("staged", "nas", datetime(2026, 1, 1, tzinfo=UTC), "uploaded")


def test_an_observer_is_declared_like_a_target(install: Install) -> None:
    install("slack", {"slack": "fake_slack"}, {"fake_slack": an_observer("slack")})
    loader = PluginLoader()
    kind = loader.load_observer("slack")
    assert (kind.name, kind.summary, kind.phases) == ("slack", "a chat", {"ended"})
    assert loader.load_observer("slack") is kind


def test_a_loaded_target_plugin_may_observe_and_one_that_is_not_loaded_hears_nothing(install: Install) -> None:
    source = a_kind("{name}") + "\nheard = []\n@hookimpl\ndef certpush_observe(event):\n    heard.append(event)\n"
    install("certpush", {"one": "fake_one"}, {"fake_one": source.replace("{name}", "one")})
    install("two", {"two": "fake_two"}, {"fake_two": source.replace("{name}", "two")})
    loader = PluginLoader()
    assert loader.listeners() == []
    loader.load_kind("one")
    ((name, hear),) = loader.listeners()
    hear(an_event())
    assert name == "one"
    assert sys.modules["fake_one"].heard == [an_event()]
    assert "fake_two" not in sys.modules


def test_ctrl_c_in_a_hook_is_not_swallowed(install: Install) -> None:
    install("certpush", {"bad": "fake_bad"}, {"fake_bad": RAISING.replace('RuntimeError("no idea")', "KeyboardInterrupt")})
    with pytest.raises(KeyboardInterrupt):
        PluginLoader().load_kind("bad")


OBSERVERS_THAT_ARE_NONE = {
    "another thing": (an_observer("x", answer="5"), "gave int, not an ObserverKind"),
    "another name": (an_observer("slack"), "calls its kind 'slack', but its entry point 'x'"),
    "no settings": (an_observer("x").replace("Chat(Settings)", "Chat"), "no subclass of certpush.Settings"),
    "nothing to open": (an_observer("x").replace("Chat, Teller)", "Chat, None)"), "ObserverKind.open cannot be called"),
    "a newer contract": (an_observer("x", arguments=", api=2"), "version 2 of the observer contract"),
}


@pytest.mark.parametrize("which", OBSERVERS_THAT_ARE_NONE)
def test_an_observer_that_is_none_is_refused(install: Install, which: str) -> None:
    source, problem = OBSERVERS_THAT_ARE_NONE[which]
    install("x", {"x": "fake_x"}, {"fake_x": source})
    with pytest.raises(PluginBroken, match=re.escape(problem)):
        PluginLoader().load_observer("x")


def test_a_target_is_no_observer(install: Install) -> None:
    install("acme-nas", {"acme-nas": "fake_acme"}, {"fake_acme": a_kind("acme-nas")})
    with pytest.raises(PluginBroken, match="declares no observer") as refused:
        PluginLoader().load_observer("acme-nas")
    assert "[target.NAME]" in refused.value.hint


def test_one_plugin_may_be_a_target_and_an_observer(install: Install) -> None:
    install("both", {"both": "fake_both"}, {"fake_both": a_kind("both") + an_observer("both")})
    loader = PluginLoader()
    assert loader.load_kind("both").name == "both"
    assert loader.load_observer("both").name == "both"
