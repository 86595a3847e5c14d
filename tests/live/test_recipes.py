"""The shipped recipes, on the servers that they are for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush.errors import TargetRefused
from certpush.kit.settings import Duration
from certpush.kit.tls import look, utc_now
from certpush.model import CertificateBundle, Expected, Secret
from certpush.testing.authority import Authority
from certpush.testing.lab import hurry
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.sshd import Sshd
from certpush_recipe.kind import open_target
from certpush_recipe.settings import RecipeSettings
from conftest import not_run
from live.recipe_servers import CaddyByRecipe, HaproxyByRecipe, NginxByRecipe, PostgresByRecipe, RecipeServer, program

pytestmark = pytest.mark.live

CA = Authority("Lab")


def case(make: Callable[[CertificateBundle], RecipeServer], *tools: str, name: str) -> Any:
    return pytest.param(make, marks=pytest.mark.live(*tools), id=name)


CHECKED = (
    case(NginxByRecipe, "nginx", name="nginx"),
    case(lambda before: HaproxyByRecipe(before, "haproxy-file"), "haproxy", name="haproxy-file"),
    case(lambda before: HaproxyByRecipe(before, "haproxy-runtime"), "haproxy", "socat", name="haproxy-runtime"),
    case(CaddyByRecipe, "caddy", name="caddy"),
)


@pytest.fixture
def before() -> CertificateBundle:
    return CA.issue("localhost", "127.0.0.1")


@contextlib.contextmanager
def target_of(server: RecipeServer) -> Iterator[Any]:
    with contextlib.closing(open_target(RecipeSettings(recipe=server.recipe, parameters=server.parameters))) as target:
        yield target


def is_served(server: RecipeServer, bundle: CertificateBundle) -> None:
    def seen() -> bool:
        found = look(server.endpoint, bundle.roots, utc_now(), timeout=5)
        return found.fingerprint == bundle.fingerprint and found.chain_ok

    wait_until(seen, f"{server.recipe} serves the right certificate", 10)


def there_and_back(server: RecipeServer, before: CertificateBundle) -> None:
    new = CA.issue("localhost", "127.0.0.1")
    is_served(server, before)
    with target_of(server) as target:
        installed = target.inspect()
        assert installed.fingerprint == before.fingerprint
        assert not [one for one in target.preflight(request_for(new)) if one.severity in ("error", "warning")]
        staged = target.stage(new)
        is_served(server, before)
        target.activate(staged, new)
    is_served(server, new)
    with target_of(server) as target:
        assert target.rollback(installed, staged, None) == Expected.leaf(before.fingerprint)
    is_served(server, before)


def request_for(bundle: CertificateBundle) -> Any:
    from certpush.model import CertificateRequest

    return CertificateRequest(bundle.names)


@pytest.mark.parametrize("make", CHECKED)
def test_a_server_takes_the_new_certificate_and_the_old_one_back(make, before):
    with make(before) as server:
        there_and_back(server, before)


@pytest.mark.parametrize("make", CHECKED)
def test_a_configuration_that_is_broken_already_stops_it_untouched(make, before):
    with make(before) as server:
        parameters = server.parameters
        server.break_configuration()
        files = {path: path.read_bytes() for path in server.tls.iterdir() if path.is_file()}
        with contextlib.closing(open_target(RecipeSettings(recipe=server.recipe, parameters=parameters))) as target:
            target.inspect()
            with pytest.raises(TargetRefused, match="the check command failed"):
                target.stage(CA.issue("localhost"))
        assert {path: path.read_bytes() for path in server.tls.iterdir() if path.is_file()} == files
        is_served(server, before)


def test_postgresql_takes_the_new_certificate_and_the_old_one_back(before):
    if program("postgres") is None:
        not_run("postgres is missing: apt-get install postgresql")
    with PostgresByRecipe(before) as server:
        there_and_back(server, before)
        assert server.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.live("haproxy", "socat")
def test_a_runtime_api_that_says_no_is_believed_and_the_file_goes_back(before, tmp_path: Path):
    """socat ends with 0 whatever HAProxy says: what it must say stands in the recipe."""
    with HaproxyByRecipe(before, "haproxy-runtime") as server:
        elsewhere = tmp_path / "tls" / "other.pem"
        elsewhere.parent.mkdir()
        elsewhere.write_bytes(server.pem.read_bytes())
        parameters = server.parameters | {"pem": str(elsewhere)}  # a file that this HAProxy never loaded
        with contextlib.closing(open_target(RecipeSettings(recipe="haproxy-runtime", parameters=parameters))) as target:
            installed = target.inspect()
            new = CA.issue("localhost")
            staged = target.stage(new)
            with pytest.raises(TargetRefused, match="it did not say: Transaction"):
                target.activate(staged, new)
        is_served(server, before)
        assert installed.fingerprint == before.fingerprint


@pytest.mark.live("haproxy", "socat", "sshd")
def test_the_machine_itself_hands_the_old_file_to_haproxy_when_nobody_confirms(before):
    """By SSH, with nothing but the script of its timer: the runtime API is told what is in the file that is back."""
    with Sshd() as sshd, HaproxyByRecipe(before, "haproxy-runtime") as server:
        settings = RecipeSettings(
            recipe="haproxy-runtime",
            parameters=server.parameters,
            host=sshd.host,
            port=sshd.port,
            user=sshd.user,
            identity=Secret(sshd.client_key_path.read_text()),
            host_key=sshd.host_key_fingerprint,
            rescue_after=Duration(seconds=30),
        )
        new = CA.issue("localhost", "127.0.0.1")
        with contextlib.closing(open_target(settings)) as target:
            target.inspect()
            target.activate(target.stage(new), new)
            is_served(server, new)
            hurry.pass_time(timedelta(seconds=30), lambda: hurry.timers(server.tls))
            is_served(server, before)
            assert target.inspect().fingerprint == before.fingerprint
