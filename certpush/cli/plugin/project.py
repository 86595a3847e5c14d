"""The project that a new plugin begins as: a real one, which is checked like the rest of certpush, under another name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certpush.cli.plugin.naming import PluginName
from certpush.errors import ConfigError

_TEMPLATE = Path(__file__).with_name("project-template")
_NAMES = re.compile("my-appliance|my_appliance|MyAppliance")
_LEFT_BY_TOOLS = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def write_project(name: PluginName, directory: Path) -> list[str]:
    """Write the project into ``directory``, which must not be there or be empty; gives its files.

    Raises:
        ConfigError: something is there, or it cannot be written. Nothing is left behind then.

    """
    with _errors_in_words(directory):
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise ConfigError(f"{directory} is there already, and nothing is overwritten", hint="name another one by --directory DIR")
        unfinished = directory.with_name(f".{directory.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            written = [_write(name, path, unfinished) for path in _template()]
            unfinished.rename(directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return written


def renamed(text: str, name: PluginName) -> str:
    """The template's text with every form of its name replaced, in one pass: the new name may hold the old one."""
    forms = {"my-appliance": name.kind, "my_appliance": name.kind.replace("-", "_"), "MyAppliance": name.class_prefix}
    return _NAMES.sub(lambda found: forms[found[0]], text)


def _template() -> Iterator[Path]:
    for path in sorted(_TEMPLATE.rglob("*")):
        if path.is_file() and not _LEFT_BY_TOOLS.intersection(path.parts):
            yield path.relative_to(_TEMPLATE)


def _write(name: PluginName, path: Path, into: Path) -> str:
    text = renamed((_TEMPLATE / path).read_text(encoding="utf-8"), name)
    target = Path(renamed(str(path), name))
    (into / target).parent.mkdir(parents=True, exist_ok=True)
    (into / target).write_text(text, encoding="utf-8")
    return str(target)


@contextmanager
def _errors_in_words(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be written: {error.strerror or error}", hint="name a place where you may write by --directory DIR"
        ) from error
