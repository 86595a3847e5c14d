"""The reference of what plugins are written against: hooks, types, the kit, testing. Made from signatures and docstrings."""

from __future__ import annotations

import ast
import copy
import enum
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

PUBLIC_KIT: dict[str, Sequence[str]] = {
    "certpush.kit.settings": ("Settings", "Doc", "Duration", "parse_endpoint", "parse_host"),
    "certpush.kit.trust": ("Trust",),
    "certpush.kit.https": ("TrustedConnections", "exchange", "date_of", "AnswerLost"),
    "certpush.kit.handshake": ("connect_trusted",),
    "certpush.kit.allowance": ("allowing",),
    "certpush.kit.boundary": ("translate",),
    "certpush.kit.tls": ("tls_identity",),
    "certpush.kit.own_certificate": ("show_in_tls",),
}
_IN_HOOKS = {"Target", "TargetKind", "Member", "Footprint", "Reversible", "KeyOrigin", "Observer", "ObserverKind", "Run", "hookimpl"}
_ELSEWHERE = {*_IN_HOOKS, "Settings", "Doc", "Duration"}


def hooks() -> Iterator[str]:
    """The page of hooks, and of the two contracts behind them."""
    specs = importlib.import_module("certpush.hookspecs")
    yield "# Hooks and contracts\n\nAll hooks, and the classes that they give. A plugin marks its functions with `certpush.hookimpl`."
    yield "## Hooks"
    for name, function in vars(specs).items():
        if name.startswith("certpush_"):
            yield from _function(name, function)
    for title, home, names in (
        ("Targets", "certpush.target", ("TargetKind", "Target", "Reversible", "KeyOrigin", "Member", "Footprint")),
        ("Observers", "certpush.observer", ("ObserverKind", "Observer", "Run")),
    ):
        yield f"## {title}"
        yield from _objects(home, names)


def types() -> Iterator[str]:
    """The page of the types that verbs are given and give back, and of the errors."""
    certpush = importlib.import_module("certpush")
    names = [name for name in certpush.__all__ if name not in _ELSEWHERE and name != "__version__"]
    plain = [name for name in names if not _is_error(getattr(certpush, name))]
    yield "# Types and errors\n\nAll of these are importable from `certpush`; the more special errors from `certpush.errors`."
    yield "## Types"
    yield from _objects("certpush", plain)
    yield '## Errors\n\nEach is raised as `Error(message, hint="...")`; `retryable` says that the same may succeed later by itself.'
    yield "\n".join(["| error | is a | for |", "|---|---|---|", *_errors()])


def kit() -> Iterator[str]:
    """The page of the kit's public part."""
    yield "# The kit\n\nWhat plugins may use of `certpush.kit`. Its other modules serve the built-in kinds, and may change."
    for home, names in PUBLIC_KIT.items():
        yield f"## {home}\n\n{_text(importlib.import_module(home))}"
        yield from _objects(home, names)


def testing() -> Iterator[str]:
    """The page of what plugins are tested with."""
    module = importlib.import_module("certpush.testing")
    yield f"# Testing\n\n{_text(module)} How it is used: [Test a target plugin](../testing-plugins.md)."
    yield from _objects("certpush.testing", module.__all__)
    yield "## certpush.testing.listener"
    yield from _objects("certpush.testing.listener", ("Listener",))


def obligations() -> Iterator[str]:
    """The page of what the contract suite asks, each with its reason and with who breaks it."""
    asked = importlib.import_module("certpush.testing.contract.obligations").obligations()
    faults = importlib.import_module("certpush.testing.faults").FAULTS
    yield (
        "# Obligations of a target\n\nWhat the contract suite asks, in its order, and why. Beside each stand the faulty targets of\n"
        "`certpush.testing.faults` that break it: reading one is the quickest way to see what is meant.\n"
        "[Test a target plugin](../testing-plugins.md) says how to run the suite."
    )
    rows = [f"| `{one.test}` | {_in_table(one.reason)} | {_breakers(one.test, faults)} |" for one in asked]
    yield "\n".join(["| obligation | why | broken by |", "|---|---|---|", *rows])


def _breakers(test: str, faults: Sequence[Any]) -> str:
    those = [one for one in faults if one.caught_by.partition("[")[0] == test]
    return "<br>".join(f"`{one.name}`: {_in_table((one.target.__doc__ or '').rstrip('.'))}" for one in those)


def _in_table(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("``", "`")


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "reference/hooks.md": hooks,
    "reference/types.md": types,
    "reference/kit.md": kit,
    "reference/testing.md": testing,
    "reference/obligations.md": obligations,
}


# --- one object -------------------------------------------------------------------------------


def _objects(home: str, names: Sequence[str]) -> Iterator[str]:
    module = importlib.import_module(home)
    for name in names:
        one = getattr(module, name)
        yield from _class(name, one) if inspect.isclass(one) else _function(name, one)


def _function(name: str, function: Any) -> Iterator[str]:
    yield f"### {name}\n\n```python\n{_signature(name, function)}\n```\n\n{_text(function)}"


def _class(name: str, one: type[Any]) -> Iterator[str]:
    yield f"### {name}\n\n{_text(one)}"
    if issubclass(one, enum.Enum):
        notes = _notes(one)
        yield "\n".join(["| value | |", "|---|---|", *(f"| `{member.value}` | {_cell(notes.get(member.name, ''))} |" for member in one)])
        return
    if constructor := _constructor(name, one):
        yield f"```python\n{constructor}\n```"
    fields = [*_fields(one)]
    if fields:
        yield "\n".join(["| field | type | default | |", "|---|---|---|---|", *fields])
    rows = [f"| `{_cell(_signature(label, member))}` | {_cell(_text(member))} |" for label, member in _members(one)]
    if rows:
        yield "\n".join(["| member | |", "|---|---|", *rows])


def _constructor(name: str, one: type[Any]) -> str:
    """How one is made, where it says so itself; of what has fields, the table of them tells."""
    written = next((node for node in _body(one) if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    if written is None or _is_error(one):
        return ""
    arguments = copy.deepcopy(written.args)
    del arguments.args[0]
    return f"{name}({ast.unparse(arguments)})"


def _fields(one: type[Any]) -> Iterator[str]:
    if not (hasattr(one, "__dataclass_fields__") or hasattr(one, "__struct_fields__")):
        return
    notes = _notes(one)
    for node in _body(one):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            default = _default(node.value)
            annotation = _cell(_unquoted(node.annotation))
            shown = f"`{_cell(default)}`" if default else "required"
            yield f"| `{node.target.id}` | `{annotation}` | {shown} | {_cell(notes.get(node.target.id, ''))} |"


def _default(value: ast.expr | None) -> str:
    """As it is written; of ``field(default=..., default_factory=...)`` what it makes; empty where it must be given."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field":
        given = {word.arg: ast.unparse(word.value) for word in value.keywords}
        factory = given.get("default_factory")
        return f"{factory}()" if factory else given.get("default", "")
    return ast.unparse(value) if value else ""


def _members(one: type[Any]) -> Iterator[tuple[str, Any]]:
    fields = {node.target.id for node in _body(one) if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    for label, member in vars(one).items():
        if label.startswith("_") or label in fields:
            continue
        if isinstance(member, property | staticmethod | classmethod) or inspect.isfunction(member):
            yield label, member
        elif hasattr(member, "func") and callable(member.func):  # a cached property
            yield label, property(member.func)


def _is_error(one: Any) -> bool:
    return inspect.isclass(one) and issubclass(one, BaseException)


def _errors() -> Iterator[str]:
    module = importlib.import_module("certpush.errors")
    for name, one in vars(module).items():
        if _is_error(one) and one.__module__ == module.__name__:
            above = "" if one.__bases__[0] is Exception else f"`{one.__bases__[0].__name__}`"
            yield f"| `{name}` | {above} | {_cell(_text(one))} |"


# --- signatures and texts ---------------------------------------------------------------------


def _signature(name: str, member: Any) -> str:
    """As it is written, without ``self``."""
    if isinstance(member, property):
        returns = _defined(member.fget).returns
        return f"{name}: {_unquoted(returns)}"
    node = _defined(member.__func__ if isinstance(member, classmethod | staticmethod) else member)
    arguments = node.args
    if arguments.args and arguments.args[0].arg in {"self", "cls"}:
        del arguments.args[0]
    before = "@classmethod " if isinstance(member, classmethod) else ""
    return f"{before}{name}({ast.unparse(arguments)}) -> {_unquoted(node.returns)}"


def _defined(function: Any) -> ast.FunctionDef:
    """Its definition, a copy of its own."""
    node = copy.deepcopy(_node(function))
    if not isinstance(node, ast.FunctionDef):
        raise TypeError(function)
    return node


def _unquoted(annotation: ast.expr | None) -> str:
    return ast.unparse(annotation).strip("'\"") if annotation else "None"


def _text(one: Any) -> str:
    """The docstring for Markdown: code in single backticks, what is raised as a list."""
    text = inspect.cleandoc((one.fget.__doc__ if isinstance(one, property) else one.__doc__) or "")
    text = text.replace("``", "`")
    head, mark, raised = text.partition("Raises:\n")
    if not mark:
        return text
    errors = [" ".join(line.split()) for line in re.split(r"\n(?=\S)", textwrap.dedent(raised).strip())]
    return head + "\n".join(f"- raises `{one.partition(':')[0]}`:{one.partition(':')[2]}" for one in errors)


def _cell(text: str) -> str:
    head, mark, raised = text.partition("- raises ")
    if mark:
        text = f"{head} Raises {raised.replace(f'{chr(10)}{mark}', '; ')}"
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _body(one: type[Any]) -> list[ast.stmt]:
    node = _node(one)
    return node.body if isinstance(node, ast.ClassDef) else []


def _node(one: Any) -> ast.AST:
    """Where it is written: a class or function of a module, or a method."""
    node: ast.AST = _tree(one.__module__)
    for name in one.__qualname__.split("."):
        below = (found for found in ast.walk(node) if found is not node and isinstance(found, ast.ClassDef | ast.FunctionDef))
        node = next(found for found in below if found.name == name)
    return node


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def _notes(one: type[Any]) -> dict[str, str]:
    """What is said of fields and members: the string below each, and the ``Doc`` of settings."""
    notes: dict[str, str] = {}
    body = _body(one)
    for node, below in itertools.pairwise([*body, None]):
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            notes[target.id] = " ".join(str(below.value.value).replace("``", "`").split())
    return notes
