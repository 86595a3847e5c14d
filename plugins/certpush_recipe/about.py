"""What a recipe says of every target that uses it: where the certificate is served, and how far the recipe is known."""

from __future__ import annotations

from certpush import Endpoint, Finding
from certpush.kit.settings import parse_endpoint
from certpush.model import Severity
from certpush_recipe.filling import filled, holes
from certpush_recipe.names import HOST, PORT
from certpush_recipe.reading import read_recipe
from certpush_recipe.recipe import ApiRecipe, EndpointTemplate
from certpush_recipe.settings import RecipeSettings


def endpoints_of(settings: RecipeSettings) -> tuple[Endpoint, ...]:
    """Where the recipe says that the certificate is served; for an API that says nothing, the API itself.

    On this machine there is no host, and so no endpoint that names it: the target's own ``endpoints`` say where.

    Raises:
        ConfigError: the parameters give no endpoint.

    """
    recipe = read_recipe(settings.recipe)
    api = settings.address if isinstance(recipe, ApiRecipe) else None
    if api is not None and not recipe.endpoints:
        return (Endpoint(api.host, api.port, settings.server_name),)
    there = api.host if api is not None else settings.host
    known = [one for one in recipe.endpoints if there is not None or HOST not in {hole.name for hole in holes(one.at)}]
    return tuple(_endpoint(one, settings, there or "", api.port if api is not None else 0) for one in known)


def _endpoint(template: EndpointTemplate, settings: RecipeSettings, host: str, port: int) -> Endpoint:
    values = {**settings.values, HOST: f"[{host}]" if ":" in host else host, PORT: port}
    found = parse_endpoint(filled(template.at, values))
    return Endpoint(found.host, found.port, found.server_name or settings.server_name, template.starttls)


def note_of(settings: RecipeSettings) -> tuple[Finding, ...]:
    """Whether the recipe was ever tried on what it is for."""
    recipe = read_recipe(settings.recipe)
    if recipe.tried:
        return ()
    return (
        Finding(
            Severity.INFO,
            "recipe-untried",
            f"the recipe {recipe.name} was written from documentation and source code, and not yet tried on the product",
            "begin with one whose console you can reach; every switch is checked by handshakes, and undone where it is not served",
        ),
    )
