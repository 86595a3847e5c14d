"""Who looks after the environment of certpush, and what each is told; the layouts are those that pipx 1.18 and uv 0.13 make."""

from __future__ import annotations

from pathlib import Path

import pytest

from certpush.cli.plugin.package import Package
from certpush.cli.plugin.surroundings import Surroundings
from certpush.errors import ConfigError, PluginError

NAS = Package.parse("certpush-acme-nas")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def seen(home: Path, prefix: Path | str, *, pip: bool = True, programs: tuple[str, ...] = (), **environ: str) -> Surroundings:
    place = Path(prefix)
    place.mkdir(parents=True, exist_ok=True)
    return Surroundings(
        python=f"{place}/bin/python",
        prefix=place,
        base_prefix=home / "usr",
        library=home / "usr" / "lib",
        has_pip=pip,
        home=home,
        environ=environ,
        find={name: f"/bin/{name}" for name in programs}.get,
    )


def orders(surroundings: Surroundings) -> list[str]:
    keeper = surroundings.keeper()
    return [keeper.name, str(keeper.adding(NAS)), str(keeper.removing("certpush-acme-nas"))]


# --- a virtual environment, and the system ------------------------------------------------------


def test_an_environment_with_pip_is_left_to_pip(home):
    python = home / "venv" / "bin" / "python"
    assert orders(seen(home, home / "venv")) == [
        "pip", f"{python} -m pip install --quiet certpush-acme-nas", f"{python} -m pip uninstall --yes certpush-acme-nas",
    ]  # fmt: skip


def test_one_without_pip_is_left_to_uv_where_that_is(home):
    python = home / "venv" / "bin" / "python"
    assert orders(seen(home, home / "venv", pip=False, programs=("uv",))) == [
        "uv pip", f"uv pip install --python {python} certpush-acme-nas", f"uv pip uninstall --python {python} certpush-acme-nas",
    ]  # fmt: skip
    with pytest.raises(PluginError, match="has no pip, and there is no uv") as refused:
        seen(home, home / "venv", pip=False).keeper()
    assert "ensurepip" in refused.value.hint


def test_a_python_that_the_system_looks_after_is_left_alone(home):
    system = seen(home, home / "usr")
    assert system.keeper().name == "pip", "one that nobody looks after, as in a container"
    (home / "usr" / "lib").mkdir()
    (home / "usr" / "lib" / "EXTERNALLY-MANAGED").touch()
    with pytest.raises(PluginError, match="belongs to the system") as refused:
        system.keeper()
    assert "pipx install certpush" in refused.value.hint
    assert seen(home, home / "venv").keeper().name == "pip", "an environment made from it is another matter"


def test_a_python_without_pip_is_told(home):
    with pytest.raises(PluginError, match="has no pip"):
        seen(home, home / "usr", pip=False).keeper()


def test_this_process_runs_in_an_environment():
    assert Surroundings.here().keeper().name in ("pip", "uv pip")


# --- pipx -----------------------------------------------------------------------------------------


def pipx(home: Path, at: Path, **environ: str) -> Surroundings:
    found = seen(home, at / "venvs" / "certpush", **environ)
    (found.prefix / "pipx_metadata.json").write_text("{}")
    return found


def test_pipx_injects(home):
    assert orders(pipx(home, home / ".local/share/pipx")) == [
        "pipx", "pipx inject certpush certpush-acme-nas", "pipx uninject certpush certpush-acme-nas",
    ]  # fmt: skip


def test_pipx_is_told_where_its_home_is_when_that_is_another(home):
    elsewhere = home / "elsewhere"
    assert orders(pipx(home, elsewhere))[1] == f"PIPX_HOME={elsewhere} pipx inject certpush certpush-acme-nas"
    assert orders(pipx(home, elsewhere, PIPX_HOME=str(elsewhere)))[1] == "pipx inject certpush certpush-acme-nas"


def test_an_environment_of_all_users_is_told_as_global(home, monkeypatch):
    monkeypatch.setattr("certpush.cli.plugin.surroundings._PIPX_GLOBAL", home / "opt/pipx")
    assert orders(pipx(home, home / "opt/pipx"))[1] == "pipx inject --global certpush certpush-acme-nas"


# --- uv tool --------------------------------------------------------------------------------------

RECEIPT = """\
[tool]
requirements = [{requirements}]
{python}
entrypoints = [{{ name = "certpush", install-path = "{programs}/certpush", from = "certpush" }}]
"""


def uv(home: Path, *requirements: str, python: str = "", programs: str | None = None, at: str = ".local/share/uv/tools") -> Surroundings:
    found = seen(home, home / at / "certpush")
    text = RECEIPT.format(requirements=", ".join(requirements), python=python, programs=programs or home / ".local/bin")
    (found.prefix / "uv-receipt.toml").write_text(text)
    return found


def test_uv_is_told_all_that_is_there_already(home):
    there = uv(
        home,
        '{ name = "certpush", extras = ["keyring"], specifier = ">=0.1" }',
        '{ name = "prometheus-client", specifier = ">=0.20,<1" }',
        '{ name = "Certpush_Other", directory = "/src/other" }',
        '{ name = "one", editable = "/src/one" }',
        '{ name = "two", url = "https://example.com/two.whl" }',
        python='python = "3.11"',
    )
    before = (
        "uv tool install --python 3.11 'certpush[keyring]>=0.1' --with 'prometheus-client>=0.20,<1' --with /src/other "
        "--with-editable /src/one --with 'two @ https://example.com/two.whl'"
    )
    keeper = there.keeper()
    assert str(keeper.adding(NAS)) == f"{before} --with certpush-acme-nas"
    assert str(keeper.removing("certpush-other")) == before.replace("--with /src/other ", "")


def test_what_is_installed_again_replaces_what_was_named_before(home):
    there = uv(home, '{ name = "certpush" }', '{ name = "certpush-acme-nas", specifier = "==1.0" }')
    assert orders(there)[1:] == ["uv tool install certpush --with certpush-acme-nas", "uv tool install certpush"]


def test_certpush_from_a_checkout_stays_one(home):
    assert orders(uv(home, '{ name = "certpush", editable = "/src/certpush" }'))[2] == "uv tool install --editable /src/certpush"
    assert orders(uv(home, '{ name = "certpush", path = "/tmp/certpush-1.whl" }'))[2] == "uv tool install /tmp/certpush-1.whl"


def test_uv_is_told_its_places_when_they_are_others(home):
    there = uv(home, '{ name = "certpush" }', at="elsewhere", programs="/opt/bin")
    assert orders(there)[2] == f"UV_TOOL_DIR={home}/elsewhere UV_TOOL_BIN_DIR=/opt/bin uv tool install certpush"


@pytest.mark.parametrize(
    "requirements",
    ['{ name = "certpush" }, { name = "x", git = "https://example.com/x?rev=1" }', '{ name = "other" }', "1", '{ name = "certpush" '],
)
def test_a_receipt_that_cannot_be_repeated_is_not_lost(home, requirements):
    with pytest.raises(PluginError, match="cannot be understood, and what it holds would be lost") as refused:
        orders(uv(home, requirements))
    assert "uv tool install certpush --with PACKAGE" in refused.value.hint


# --- what is to be installed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("certpush-acme-nas", "certpush-acme-nas"),
        ("certpush_acme_nas==1.0", "certpush_acme_nas"),
        ("certpush-acme-nas[fast]>=1,<2 ; python_version > '3.11'", "certpush-acme-nas"),
        ("acme @ https://example.com/acme.zip", "acme"),
        ("git+https://example.com/acme.git", ""),
        ("https://example.com/acme.zip", ""),
    ],
)
def test_a_package_is_taken_as_installers_take_it(text, distribution):
    assert Package.parse(text) == Package(text, distribution)


@pytest.mark.parametrize(
    "text", ["--index-url=https://example.com", "-e", "", "a b", "-rhttps://example.com/x", "nothere.whl", "./nothere"]
)
def test_an_option_or_nothing_is_no_package(text):
    with pytest.raises(ConfigError) as refused:
        Package.parse(text)
    assert refused.value.hint


def test_what_is_on_disk_is_named_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("acme_nas-1.0-py3-none-any.whl").touch()
    Path("project").mkdir()
    Path("project/pyproject.toml").write_text('[project]\nname = "certpush-acme"\n')
    Path("none").mkdir()
    assert Package.parse("acme_nas-1.0-py3-none-any.whl") == Package(f"{tmp_path}/acme_nas-1.0-py3-none-any.whl", "acme_nas")
    assert Package.parse("./project") == Package(f"{tmp_path}/project", "certpush-acme")
    assert Package.parse("./none") == Package(f"{tmp_path}/none", "")
