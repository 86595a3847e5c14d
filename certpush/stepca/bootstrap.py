"""Reusing an existing ``step ca bootstrap``: $STEPPATH with or without contexts, and the STEP_* variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
from cryptography import x509

from certpush.errors import BundleInvalid, ConfigError, RootMismatch
from certpush.model import DeferredSecret, fingerprint, read_certificates
from certpush.records import record
from certpush.references import read_private_file
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.settings import CaSettings

_MAX_BYTES = 1024 * 1024


@record(frozen=True, slots=True)
class StepDefaults:
    """What the ``step`` command would use when not told otherwise."""

    url: str | None = None
    fingerprint: str | None = None
    root: Path | None = None
    provisioner: str | None = None
    password_file: Path | None = None


def read_steppath(environ: Mapping[str, str], home: Path, context: str | None = None) -> StepDefaults | None:
    """Read what ``step`` was set up with; None where it was not. STEP_* variables outdo files, as they do for ``step``.

    Raises:
        ConfigError: a file is broken or cannot be read, or there is no such context.

    """
    folder, values = _settings_of(step_base(environ, home), context or environ.get("STEP_CONTEXT"))
    for key in ("ca-url", "fingerprint", "root", "provisioner", "password-file"):
        from_environment = environ.get("STEP_" + key.upper().replace("-", "_"))
        if from_environment:
            values[key] = from_environment
    if not values:
        return None
    return StepDefaults(
        url=values.get("ca-url"),
        fingerprint=values.get("fingerprint") or None,
        root=_root_file(folder, values.get("root")),
        provisioner=values.get("provisioner"),
        password_file=folder / values["password-file"] if values.get("password-file") else None,
    )


def step_base(environ: Mapping[str, str], home: Path) -> Path:
    """Where ``step`` keeps all that it keeps."""
    return Path(environ.get("STEPPATH") or home / ".step").absolute()


def current_context(base: Path) -> str | None:
    """The context in use; None where ``step`` was never told to use any."""
    if not read_table(base / "contexts.json"):
        return None
    return _text(read_table(base / "current-context.json").get("context"))


def authority_folder(base: Path, context: str, chosen: object) -> Path:
    """The folder of the CA that a context stands for; ``chosen`` is its entry in contexts.json, if it has one."""
    named = _text(chosen.get("authority")) if isinstance(chosen, dict) else None
    return base / "authorities" / (named or context)


def _settings_of(base: Path, context: str | None) -> tuple[Path, dict[str, str]]:
    context = current_context(base) if context is None else context
    if context is None:
        return base, read_texts(base / "config" / "defaults.json")
    contexts = read_table(base / "contexts.json")
    chosen = contexts.get(context)
    if not isinstance(chosen, dict):
        known = f"there are: {', '.join(contexts)}" if contexts else "`step context list` shows them"
        raise ConfigError(f"{base}: there is no step context {context!a}", hint=known)
    authority = authority_folder(base, context, chosen)
    profile = base / "profiles" / (_text(chosen.get("profile")) or context)
    # Values of the profile outdo those of the authority.
    return authority, read_texts(authority / "config" / "defaults.json") | read_texts(profile / "config" / "defaults.json")


def _root_file(folder: Path, named: str | None) -> Path | None:
    if named:
        return folder / named
    usual = folder / "certs" / "root_ca.crt"
    # Unreadable is as good as missing here: the fingerprint does, and where that is missing too, both are asked for.
    return usual if os.access(usual, os.R_OK) else None


def read_texts(path: Path) -> dict[str, str]:
    """The keys of a JSON table that have a text; empty where there is no such file."""
    return {key: value for key, value in read_table(path).items() if isinstance(value, str) and value}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def read_table(path: Path) -> dict[str, Any]:
    """A JSON table; empty where there is no such file.

    Raises:
        ConfigError: it cannot be read.

    """
    try:
        content = msgspec.json.decode(_read(path), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", hint=_MODES) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ConfigError(f"{path} is not a JSON table", hint="mend it, or run `step ca bootstrap` again") from None
    return content


_MODES = "step makes its directories 0700 and certificates 0600: let the user who runs certpush read it, or give a copy"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES)


# --- what certpush makes of it ----------------------------------------------------------------


def with_defaults(settings: CaSettings, defaults: StepDefaults | None) -> CaSettings:
    """Fill what the configuration leaves out; the defaults of another CA are not mixed in.

    Raises:
        ConfigError: the password file cannot be read safely.

    """
    if defaults is None or not _same_ca(settings, defaults):
        return settings
    more: dict[str, object] = {}
    if settings.url is None:
        more["url"] = defaults.url
    if settings.root is None and settings.fingerprint is None:
        more |= {"fingerprint": defaults.fingerprint, "root": str(defaults.root) if defaults.root else None}
    if settings.provisioner is None:
        more["provisioner"] = defaults.provisioner
    if defaults.password_file and not _has_a_way(settings):
        path = defaults.password_file
        more["password"] = DeferredSecret(lambda: read_private_file(path).rstrip())
    return cast("CaSettings", msgspec.structs.replace(cast("Any", settings), **more))


def completed(settings: CaSettings, environ: Mapping[str, str]) -> CaSettings:
    """Fill what the settings leave out from the ``step ca bootstrap`` of this environment's user, where there is one.

    Raises:
        ConfigError: what step left there cannot be read.

    """
    if is_complete(settings):
        return settings
    return with_defaults(settings, read_steppath(environ, Path(environ.get("HOME") or Path.home())))


def address_of(settings: CaSettings) -> CaAddress:
    """Where the CA is.

    Raises:
        ConfigError: the settings do not say.

    """
    if settings.url is None:
        raise ConfigError("no CA is configured", hint='add [ca] with url = "https://..." and fingerprint, or: certpush ca bootstrap URL')
    return CaAddress.parse(settings.url)


def is_complete(settings: CaSettings) -> bool:
    """Whether nothing is left out that ``with_defaults`` could fill."""
    return is_recognised(settings) and settings.provisioner is not None and _has_a_way(settings)


def is_recognised(settings: CaSettings) -> bool:
    """Whether the settings say where the CA is, and which root it has."""
    return settings.url is not None and (settings.root is not None or settings.fingerprint is not None)


def _same_ca(settings: CaSettings, defaults: StepDefaults) -> bool:
    if settings.url is None:
        return True
    return defaults.url is not None and CaAddress.parse(settings.url) == CaAddress.parse(defaults.url)


def _has_a_way(settings: CaSettings) -> bool:
    return any((settings.password, settings.x5c_certificate, settings.provisioner_key, settings.token))


def user_path(text: str) -> Path:
    """A path from the configuration, with ``~`` expanded.

    Raises:
        ConfigError: it begins with the home of nobody.

    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"{text[:120]!a} lies in the home of nobody known here", hint="write the path in full") from None


def read_root_file(path: Path, wanted: str | None) -> tuple[x509.Certificate, ...]:
    """Read the roots to trust; where a fingerprint is known too, one of them must have it.

    Intermediates that stand in the file beside them are passed over: what is trusted is not sent
    by servers, and clients that know the root alone would miss them.

    Raises:
        ConfigError: the file cannot be read, or holds no root.
        RootMismatch: file and fingerprint do not agree.

    """
    try:
        roots = tuple(one for one in read_certificates(_read(path)) if _is_root(one))
    except OSError as error:
        raise ConfigError(f"the CA's root file {path} cannot be read: {error.strerror}", hint=_MODES) from None
    except BundleInvalid as error:
        raise ConfigError(f"the CA's root file {path}: {error.message}", hint="it holds the root's certificate as PEM") from None
    if not roots:
        raise ConfigError(
            f"the CA's root file {path} holds no root, only certificates below one", hint="on the CA it is $(step path)/certs/root_ca.crt"
        )
    if wanted and normalised_fingerprint(wanted) not in {fingerprint(root) for root in roots}:
        raise RootMismatch(
            f"the root file {path} has the fingerprint {fingerprint(roots[0])}, and {normalised_fingerprint(wanted)} is configured",
            hint="one of the two is of another CA: compare with `step certificate fingerprint root_ca.crt` on the CA",
        )
    return roots


def known_fingerprints(settings: CaSettings) -> frozenset[str]:
    """What the CA is recognised by, as far as nobody has to be asked; empty where nothing says it.

    Raises:
        ConfigError: the root file cannot be read.
        RootMismatch: file and fingerprint do not agree.

    """
    if settings.root is not None:
        return frozenset(fingerprint(root) for root in read_root_file(user_path(settings.root), settings.fingerprint))
    return frozenset({normalised_fingerprint(settings.fingerprint)} if settings.fingerprint is not None else ())


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        return certificate.subject == certificate.issuer
    except ValueError:  # a name that cannot be read
        return False
