"""Whether the calls of a recipe with an API fit together."""

from __future__ import annotations

import re
from collections.abc import Collection

from certpush.errors import ConfigError
from certpush_recipe.answers import check_pointer
from certpush_recipe.filling import check_names, holes, texts_in
from certpush_recipe.names import ABOUT, ACTIVE, PAIR, SESSION, STAGED, public, secrets
from certpush_recipe.place import at
from certpush_recipe.recipe import ApiRecipe, Call

METHODS = ("get", "post", "put", "patch", "delete")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_api(recipe: ApiRecipe) -> None:
    """Refuse calls that cannot be made, a look that finds nothing, and a way back that is none.

    Raises:
        ConfigError: with the path of what is wrong.

    """
    _check_login(recipe)
    _check_look(recipe)
    seen = {*public(recipe), *(ACTIVE + one for one in recipe.look.remember)}
    kept = {STAGED + name for call in recipe.stage for name in call.keep}
    new = {*seen, *ABOUT}
    _check_calls("recipe.check", recipe.check, recipe, new, {*secrets(recipe), *PAIR})
    _check_calls("recipe.stage", recipe.stage, recipe, {*new, *kept}, {*secrets(recipe), *PAIR})
    _check_calls("recipe.activate", recipe.activate, recipe, {*new, *kept}, {*secrets(recipe), *PAIR})
    _check_calls("recipe.undo.clear", recipe.undo.clear, recipe, seen, secrets(recipe))
    _check_calls("recipe.undo.remove", recipe.undo.remove, recipe, {*seen, *kept, *ABOUT}, secrets(recipe))
    _check_undo(recipe)


def _check_login(recipe: ApiRecipe) -> None:
    login, known = recipe.api.login, {*public(recipe), *secrets(recipe)}
    with at("recipe.api.login"):
        if bool(login.user) != bool(login.password):
            raise ConfigError("user and password belong together", hint="write both, or headers")
        if not login.user and not login.headers:
            raise ConfigError("nothing says who asks", hint='write user and password, or headers = { Authorization = "Bearer {token}" }')
        if login.session is not None and "token" not in login.session.keep:
            raise ConfigError("session keeps no token", hint='write keep = { token = "/path/in/the/answer" }')
    for key, text in (("user", login.user), ("password", login.password)):
        with at(f"recipe.api.login.{key}"):
            check_names(text, known)
    if login.password and not any(hole.name in secrets(recipe) for hole in holes(login.password)):
        raise ConfigError("recipe.api.login.password: a password does not stand in a recipe", hint='write password = "{NAME}" of a secret')
    if login.session is not None:
        _check_call("recipe.api.login.session", login.session, set(public(recipe)), known)
    for name, value in login.headers.items():
        with at(f"recipe.api.login.headers.{name}"):
            if not _TOKEN.fullmatch(name) or not value.isprintable():
                raise ConfigError("this is no header", hint='write it as NAME = "value"')
            check_names(value, {*known, *({SESSION + "token"} if login.session else ())})


def _check_look(recipe: ApiRecipe) -> None:
    look = recipe.look
    ways = [key for key in ("certificate", "fingerprint", "pattern", "handshake") if getattr(look, key)]
    if len(ways) != 1:
        raise ConfigError(
            f"recipe.look: {' and '.join(ways)} are given, and only one is used"
            if ways
            else "recipe.look: nothing identifies the certificate",
            hint="keep one of certificate, fingerprint, pattern, handshake",
        )
    _check_call("recipe.look", Call(get=look.get, query=look.query), set(public(recipe)), ())
    for key in ("certificate", "fingerprint"):
        with at(f"recipe.look.{key}"):
            check_pointer(getattr(look, key))
    for name, pointer in look.remember.items():
        with at(f"recipe.look.remember.{name}"):
            check_pointer(pointer)
    if look.pattern:
        try:
            groups = re.compile(look.pattern).groups
        except re.error as error:
            raise ConfigError(f"recipe.look.pattern: {error}", hint="it is a regular expression as Python has them") from None
        if groups != 1:
            raise ConfigError(f"recipe.look.pattern: it has {groups} groups", hint="one pair of parentheses, around the fingerprint")


def _check_undo(recipe: ApiRecipe) -> None:
    undo = recipe.undo
    if not recipe.activate:
        raise ConfigError("recipe.activate: nothing has the new certificate served", hint="write [[activate]] with a call")
    if not undo.clear:
        raise ConfigError(
            "recipe.undo.clear: there is no way back where no certificate was before",
            hint="write [[undo.clear]] with the calls that take it off",
        )
    if undo.how != "select":
        return
    used = {hole.name for call in recipe.activate for text in _texts(call) for hole in holes(text)}
    if used & set(PAIR):
        raise ConfigError(
            "recipe.undo.how: what is selected again has no key at hand, and [[activate]] wants one",
            hint='let [[stage]] send the pair, and [[activate]] name it; or write how = "previous"',
        )
    missing = sorted(one for one in used if one.startswith(STAGED) and one.removeprefix(STAGED) not in recipe.look.remember)
    if missing or not any(one.startswith(STAGED) for one in used):
        which = f"{{{missing[0]}}}" if missing else "no {staged.NAME}"
        raise ConfigError(
            f"recipe.undo.how: [[activate]] uses {which}, so [look] remembers nothing that could be selected again",
            hint='write look.remember = { id = "/pointer" } with the names that [[stage]] keeps',
        )


def _check_calls(path: str, calls: Collection[Call], recipe: ApiRecipe, shown: Collection[str], hidden: Collection[str]) -> None:
    for number, call in enumerate(calls):
        _check_call(f"{path}[{number}]", call, shown, {*shown, *hidden})
        if call.copy and recipe.look.handshake:
            raise ConfigError(f"{path}[{number}].copy: [look] reads no answer to copy from", hint="write look.certificate, or leave it out")


def _check_call(path: str, call: Call, shown: Collection[str], within: Collection[str]) -> None:
    """``shown`` are names for what is logged, in the path and behind it; ``within`` those for the body."""
    methods = [one for one in METHODS if getattr(call, one) is not None]
    if len(methods) != 1:
        raise ConfigError(f"{path}: {' and '.join(methods) or 'no method'}", hint=f"write one of {', '.join(METHODS)} with the path")
    bodies = [one for one in ("json", "form", "multipart") if getattr(call, one) is not None]
    if len(bodies) > 1 or (bodies and methods == ["get"]) or (call.copy and bodies != ["json"]):
        raise ConfigError(
            f"{path}: this call cannot have {' and '.join(bodies or ['copy'])}", hint="one of json, form, multipart; copy goes with json"
        )
    with at(f"{path}.{methods[0]}"):
        where = getattr(call, methods[0])
        if not where.startswith("/") or where.startswith("//") or not where.isprintable() or set("?#\\") & set(where):
            raise ConfigError("this is no path", hint='write it from the root: "/api/certificates"; what follows a ? stands in query')
        check_names(where, shown)
    for key, text in call.query.items():
        with at(f"{path}.query.{key}"):
            check_names(text, shown)
    for body in bodies:
        with at(f"{path}.{body}"):
            for text in texts_in(getattr(call, body)):
                check_names(text, within)
    for key in ("expect", "keep"):
        for name, value in getattr(call, key).items():
            with at(f"{path}.{key}.{name}"):
                check_pointer(name if key == "expect" else value)
                check_names(value if key == "keep" else "", shown)


def _texts(call: Call) -> list[str]:
    paths = [getattr(call, one) for one in METHODS if getattr(call, one) is not None]
    return [*paths, *call.query.values(), *texts_in([call.json, call.form, call.multipart])]
