"""Which targets a person means by names, kinds and ``@tags``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from certpush.config import TargetSpec
from certpush.errors import ConfigError

_SHOWN = 12  # more than this is counted: a thousand names would hide the message


def select(targets: Mapping[str, TargetSpec], words: Sequence[str]) -> tuple[TargetSpec, ...]:
    """The enabled targets meant by the words; all of them when there are no words.

    A name means its target even where it is disabled: who names it means it.

    Raises:
        ConfigError: a word means nothing here.

    """
    if not words:
        return tuple(one for one in targets.values() if one.enabled)
    chosen: dict[str, TargetSpec] = {}
    for word in words:
        chosen.update({one.name: one for one in _meant(targets, word)})
    return tuple(chosen.values())


def named(targets: Mapping[str, TargetSpec], name: str) -> TargetSpec:
    """The target of this name.

    Raises:
        ConfigError: there is none.

    """
    if name not in targets:
        raise ConfigError(f"there is no target {name[:80]!a}", hint=_hint(name, {"targets": list(targets)}))
    return targets[name]


def named_ever(targets: Mapping[str, TargetSpec], words: Sequence[str]) -> tuple[str, ...]:
    """Names to look for in the journal: a target's, ``TARGET/MEMBER``, one that is gone, or all of a kind or ``@tag``.

    Raises:
        ConfigError: nobody has this ``@tag``.

    """
    chosen: dict[str, None] = {}
    for word in words:
        by_kind = [one.name for one in targets.values() if word not in targets and one.kind == word]
        tagged = [one.name for one in targets.values() if word[:1] == "@" and word[1:] in one.tags]
        if word[:1] == "@" and not tagged:
            raise ConfigError(f"no target has the tag {word[:80]!a}", hint=_hint(word, _all_words(targets)))
        chosen.update(dict.fromkeys(by_kind or tagged or [word]))
    return tuple(chosen)


def _meant(targets: Mapping[str, TargetSpec], word: str) -> tuple[TargetSpec, ...]:
    if word in targets:
        return (targets[word],)
    found = tuple(one for one in targets.values() if (word[1:] in one.tags if word.startswith("@") else one.kind == word))
    if not found and word.partition("/")[0] in targets:
        whole = word.partition("/")[0]
        raise ConfigError(f"{word[:140]!a}: a target is taken as a whole, with all its members", hint=f"name {whole}")
    if not found:
        raise ConfigError(f"no target, kind or @tag is called {word[:80]!a}", hint=_hint(word, _all_words(targets)))
    enabled = tuple(one for one in found if one.enabled)
    if not enabled:
        raise ConfigError(
            f"every target that {word[:80]!a} means is disabled: {_listed(one.name for one in found)}",
            hint="name the target itself to mean it nevertheless, or remove enabled = false",
        )
    return enabled


def _all_words(targets: Mapping[str, TargetSpec]) -> dict[str, list[str]]:
    return {
        "targets": list(targets),
        "kinds": [one.kind for one in targets.values()],
        "tags": [f"@{tag}" for one in targets.values() for tag in one.tags],
    }


def _hint(word: str, known: Mapping[str, Sequence[str]]) -> str:
    there = "; ".join(f"{what}: {_listed(names)}" for what, names in known.items() if names)
    if not there:
        return "there are no targets yet: add a [target.NAME] table; `certpush targets` lists the kinds"
    import difflib

    near = difflib.get_close_matches(word, [name for names in known.values() for name in names], n=1)
    return f"did you mean {near[0]!r}? There are {there}" if near else f"there are {there}"


def _listed(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
