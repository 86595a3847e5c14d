"""The contract, held against files of this machine, and against two small appliances with an API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush.kit.trust import Trust
from certpush.model import Secret
from certpush.testing import ApiAnswer, ApiRequest
from certpush.testing.contract import EndsAndSecrets, GoingBack, TargetCase, TargetContract, Trial
from certpush.testing.files_on_disk import Reload, everything_in, plant
from certpush_recipe import certpush_target
from certpush_recipe.conformance.appliances import PASSWORD, USER, AdGuardHome, HttpsAppliance, Store, path_of
from certpush_recipe.settings import ApiSettings, RecipeSettings

STORE = """\
format = 1
name = "store"
summary = "an appliance that keeps several certificates, each with a number"
source = ["https://appliance.example/api"]

[parameters.user]
about = "who logs in"

[parameters.password]
type = "secret"
about = "the user's password"

[api.login]
headers = { X-Token = "{session.token}" }

[api.login.session]
post = "/api/login"
json = { user = "{user}", password = "{password}" }
keep = { token = "/session/token" }

[look]
get = "/api/certificates/active"
fingerprint = "/sha256"
remember = { id = "/id" }

[[stage]]
post = "/api/certificates"
multipart = { name = "{label}", certificate = "{fullchain_pem}", key = "{key_pem}" }
status = [201, 409]

[[stage]]
get = "/api/certificates"
keep = { id = "/items/[name={label}]/id" }

[[activate]]
put = "/api/certificates/active"
json = { id = "{staged.id}" }
expect = { "/ok" = true }

[undo]
how = "select"
remove = [{ delete = "/api/certificates/{staged.id}", status = [204, 404] }]

[[undo.clear]]
put = "/api/certificates/active"
json = { id = 1 }
"""


class TestFilesOfThisMachine(TargetContract):
    """A recipe with two files; nothing serves them here, so inspect() is what is seen."""

    @pytest.fixture
    def target_case(self, tmp_path: Path) -> TargetCase[RecipeSettings]:
        """See Trial."""
        folder = tmp_path / "tls"
        folder.mkdir(mode=0o755)
        reload = Reload(tmp_path, ["true"])
        files = {"fullchain": str(folder / "svc.crt"), "key": str(folder / "svc.key")}
        table: dict[str, Any] = {"recipe": "nginx", "parameters": {**files, "test": ("true",), "reload": reload.command}}
        return TargetCase(
            kind=variant(table),
            settings=RecipeSettings(**table),
            unreachable=None,  # files of this machine
            secrets=(),
            snapshot=lambda: everything_in(folder),
            broken_switch=reload.broken,
            foreign=lambda bundle: plant(folder, bundle),
        )


class TestAdGuardHome(TargetContract):
    """A recipe with an API that replaces the pair in place."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[ApiSettings]]:
        """See Trial."""
        with AdGuardHome() as appliance:
            yield case_of(appliance, "adguard-home", lambda: (dict(appliance.settings), appliance.chain, appliance.key))


class TestAnApplianceWithSeveralCertificates(Trial, GoingBack, EndsAndSecrets):
    """A recipe with an API that keeps the old certificate, and selects it again: what differs there."""

    @pytest.fixture
    def target_case(self, tmp_path: Path) -> Iterator[TargetCase[ApiSettings]]:
        """See Trial."""
        recipe = tmp_path / "store.toml"
        recipe.write_text(STORE)
        with Store() as appliance:
            yield case_of(appliance, str(recipe), lambda: (appliance.active, {n: name for n, (name, _) in appliance.entries.items()}))


def variant(table: dict[str, Any]) -> Any:
    """The kind with this table's recipe."""
    declared = certpush_target()
    assert declared.variant is not None
    return declared.variant(table)


def case_of(appliance: Any, recipe: str, snapshot: Any) -> TargetCase[ApiSettings]:
    """Put the appliance on trial, by a recipe."""
    table: dict[str, Any] = {"recipe": recipe, "host": appliance.address, "parameters": {"user": USER}}
    more: dict[str, Any] = {"secrets": {"password": Secret(PASSWORD)}, "trust": Trust(pins=(appliance.own.fingerprint,))}
    return TargetCase(
        kind=replace(variant(table), deadline=timedelta(seconds=5)),
        settings=ApiSettings(**table, **more),
        unreachable=ApiSettings(**(table | {"host": "127.0.0.1:1"}), **more),
        secrets=(PASSWORD,),
        wrong_login=ApiSettings(**table, **more | {"secrets": {"password": Secret("not-the-password-of-the-web-ui")}}),
        snapshot=snapshot,
        broken_switch=lambda: says_no(appliance),
    )


@contextlib.contextmanager
def says_no(appliance: HttpsAppliance) -> Iterator[None]:
    """What changes the active certificate is done, and answered with an error."""
    inner = appliance.answer

    def answer(asked: ApiRequest) -> ApiAnswer:
        done = inner(asked)
        return ApiAnswer("it broke", 500) if path_of(asked).endswith(("/configure", "/active")) and asked.method != "GET" else done

    appliance.answer = answer
    yield
    appliance.answer = inner
