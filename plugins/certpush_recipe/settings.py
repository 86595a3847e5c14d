"""What a target of kind ``recipe`` can be told."""

from __future__ import annotations

from typing import Annotated

import msgspec

from certpush.errors import ConfigError
from certpush.kit.settings import Doc, Duration, fields_of, parse_endpoint, parse_host
from certpush.kit.ssh import SshAccount, SshSettings, check_rescue, login_at
from certpush.kit.trust import Trust
from certpush.model import Endpoint, Secret
from certpush_recipe.filling import Value
from certpush_recipe.parameters import values_of
from certpush_recipe.reading import read_recipe
from certpush_recipe.recipe import ApiRecipe, Given, Recipe

_LOGIN = tuple(one.name for one in fields_of(SshAccount))


class RecipeSettings(SshAccount):
    """An appliance that a recipe describes: files on this machine, files on a machine reached by SSH, or an HTTPS API."""

    recipe: Annotated[str, Doc("one that comes with certpush, by name (`certpush targets recipe` lists them), or the path of your own")]
    parameters: Annotated[dict[str, Given], Doc("what the recipe wants to know")] = msgspec.field(default_factory=dict)
    secrets: Annotated[dict[str, Secret], Doc("the secrets that the recipe wants")] = msgspec.field(default_factory=dict)
    host: Annotated[
        str | None, Doc("where the appliance is: the SSH server of a recipe with files, or the API; left out for files on this machine")
    ] = None
    port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("its port; 22 for SSH, else the recipe's own")] | None = None
    server_name: Annotated[str | None, Doc("the name to ask for where the certificate is looked at, when it is not the host")] = None
    rescue_after: Annotated[
        Duration, Doc("by SSH: after how long the machine puts the old files back by itself, unless the new ones are confirmed before")
    ] = Duration(seconds=180)

    def __post_init__(self) -> None:
        recipe = read_recipe(self.recipe)
        _ = values_of(recipe, self.parameters, self.secrets)
        if self.server_name is not None:
            parse_host(self.server_name)
        if reached_by_ssh(recipe, self.host):
            _ = self.ssh
            check_rescue(self.rescue_after)
            return
        self._refuse_a_login(recipe)
        if isinstance(recipe, ApiRecipe):
            _ = self.address

    @property
    def values(self) -> dict[str, Value]:
        """The parameters that are no secrets."""
        return values_of(read_recipe(self.recipe), self.parameters, self.secrets)

    @property
    def ssh(self) -> SshSettings:
        """How to log in by SSH."""
        return login_at(str(self.host), self.port or 22, self)

    @property
    def address(self) -> Endpoint:
        """Host and port of the API."""
        recipe = read_recipe(self.recipe)
        usual = recipe.api.port if isinstance(recipe, ApiRecipe) else None
        text = str(self.host)
        found = parse_endpoint(f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text, default_port=self.port or usual)
        if found.server_name:
            raise ConfigError(f"host: {text[:120]!a} is more than a host and a port", hint="a name to ask for is written as server_name")
        return found

    def _refuse_a_login(self, recipe: Recipe) -> None:
        """Keys that nothing heeds: who wrote them means something by them."""
        usual = {one.name: one.default for one in fields_of(SshAccount)}
        for key in _LOGIN:
            if getattr(self, key) != usual[key]:
                api = isinstance(recipe, ApiRecipe)
                raise ConfigError(
                    f"{key} is for a login by SSH, and {'this recipe has an API' if api else 'there is no host'}",
                    hint="what its API wants stands in secrets and parameters" if api else "write host, or leave it out",
                )


class ApiSettings(RecipeSettings):
    """The same for an API, which is recognised by TLS. Who has files only need not be able to ask the CA for its root."""

    trust: Trust = Trust()  # the core's key of this name, and what certpush learned since


def reached_by_ssh(recipe: Recipe, host: str | None) -> bool:
    """Whether the files of this recipe are on another machine.

    Raises:
        ConfigError: the recipe is for another place than what the target says.

    """
    if isinstance(recipe, ApiRecipe):
        if host is None:
            raise ConfigError("host is missing: where the API is", hint='add host = "NAME", perhaps with its port')
        return False
    if host is None and "here" not in recipe.where:
        raise ConfigError(
            "host is missing: this recipe is for a machine that is reached by SSH", hint='add host = "NAME" and how to log in'
        )
    if host is not None and "ssh" not in recipe.where:
        raise ConfigError("host: this recipe is for the machine that certpush runs on", hint="leave host out")
    return host is not None
