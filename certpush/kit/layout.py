"""Which file holds what: the settings that the kinds with files share, and rendering a bundle into them."""

# No annotations from __future__: msgspec would have to compile the text of each one, in every process.

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Literal

from certpush.errors import ConfigError
from certpush.kit.order import Order
from certpush.kit.rendering import Role, render
from certpush.kit.settings import Doc, Duration, Settings
from certpush.kit.trouble import Trouble
from certpush.model import CertificateBundle, Secret

GENERATION = re.compile(r"gen-([0-9a-f]{16})")
CURRENT = "current"
NAME_LIMIT = 150  # of a file's name; the kept copy's name is longer and must stay below the usual 255


GENERATION_NAMES: Mapping[Role, str] = {
    Role.FULLCHAIN: "fullchain.pem",
    Role.CERT: "cert.pem",
    Role.CHAIN: "chain.pem",
    Role.KEY: "privkey.pem",
    Role.COMBINED: "combined.pem",
    Role.PKCS12: "bundle.p12",
    Role.ROOT: "root.pem",
}


class LayoutSettings(Settings):
    """Where the certificate goes, to whom it belongs, and what makes the service take it up."""

    fullchain: Annotated[str | None, Doc("file for the leaf and the intermediates, as most servers want them")] = None
    cert: Annotated[str | None, Doc("file for the leaf alone")] = None
    chain: Annotated[str | None, Doc("file for the intermediates alone")] = None
    key_file: Annotated[str | None, Doc("file for the private key (PKCS#8 PEM)")] = None
    combined: Annotated[str | None, Doc("one PEM file for leaf, intermediates and key, as HAProxy wants it")] = None
    combined_order: Annotated[Literal["leaf-chain-key", "key-leaf-chain"], Doc("what stands in which order in a combined file")] = (
        "leaf-chain-key"
    )
    pkcs12: Annotated[str | None, Doc("file for everything as PKCS#12 (.p12, .pfx)")] = None
    pkcs12_password: Annotated[Secret | None, Doc("password of the PKCS#12 file; without it the file is not encrypted")] = None
    root: Annotated[str | None, Doc("file for the CA's root")] = None
    directory: Annotated[
        str | None,
        Doc(
            "managed directory, which must be there, instead of single files: "
            "DIR/current/fullchain.pem, privkey.pem and so on, switched by one rename"
        ),
    ] = None
    owner: Annotated[str | None, Doc("owner of the files; a file that is there keeps the one it has")] = None
    group: Annotated[str | None, Doc("group of the files; a file that is there keeps the one it has")] = None
    mode: Annotated[str | None, Doc('mode of files that hold the key, such as "0640"; default 0600, or as the file has it')] = None
    certificate_mode: Annotated[str | None, Doc("mode of files that hold no key; default 0644, or as the file has it")] = None
    check: Annotated[
        tuple[str, ...],
        Doc(
            'command that must succeed before the service is told, such as ["nginx", "-t"]; with {fullchain}, {key_file}, {combined} '
            "and so on in it, it checks the new files before any of them is switched"
        ),
    ] = ()
    reload: Annotated[
        tuple[str, ...], Doc('command that makes the service take the files up, such as ["systemctl", "reload", "nginx"]')
    ] = ()
    check_timeout: Annotated[Duration, Doc("how long the check command may take")] = Duration(seconds=30)
    reload_timeout: Annotated[Duration, Doc("how long the reload command may take")] = Duration(seconds=60)

    def __post_init__(self) -> None:
        paths = _paths(self)
        _refuse_bad_paths(paths, self.directory)
        _refuse_bad_layout(paths, self.directory)
        _refuse_bad_rights(self)
        _refuse_bad_command("check", self.check)
        _refuse_bad_command("reload", self.reload)
        _refuse_placeholders(self)

    def contents(self, bundle: CertificateBundle) -> dict[Role, bytes]:
        """Render the bundle into every file that this layout has.

        Raises:
            BundleInvalid: a root is asked for, and the bundle has none.

        """
        roles = list(_paths(self))
        if self.directory is not None:
            left_out = (Role.PKCS12, not self.pkcs12_password), (Role.ROOT, not bundle.roots)
            roles = [role for role in GENERATION_NAMES if (role, True) not in left_out]
        key_first = self.combined_order == "key-leaf-chain"
        return {role: render(role, bundle, key_first=key_first, password=self.pkcs12_password) for role in roles}

    def places(self) -> dict[Role, str]:
        """The path of each file of this layout; in a managed directory, as seen through its ``current``."""
        if self.directory is None:
            return _paths(self)
        return generation_paths(f"{self.directory}/{CURRENT}")

    def mode_of(self, role: Role) -> int | None:
        """The mode that the configuration asks for; None where it leaves it open."""
        text = self.mode if role.holds_key else self.certificate_mode
        return int(text, 8) if text is not None else None

    @property
    def limits(self) -> Mapping[Trouble, timedelta]:
        """How long each of the two commands may take, by the trouble that it makes when it takes longer."""
        return {Trouble.CHECK: self.check_timeout, Trouble.RELOAD: self.reload_timeout}

    @property
    def check_uses_files(self) -> bool:
        """Whether the check command names files in braces."""
        return any(True for argument in self.check for _ in _placeholders(argument))

    def checks(self, paths: Mapping[Role, str]) -> tuple[Order, ...]:
        """What must succeed before the service is told; ``paths`` is where the files to look at are, for names in braces."""
        if not self.check:
            return ()
        return (Order(self._check_command(paths) if self.check_uses_files else self.check),)

    def reloads(self) -> tuple[Order, ...]:
        """What makes the service take up the files that are in place, be they new or old."""
        return (Order(self.reload),) if self.reload else ()

    def _check_command(self, paths: Mapping[Role, str]) -> tuple[str, ...]:
        return tuple(_BRACES.sub(lambda found: paths[Role(found[1])] if found[1] else found[0][0], argument) for argument in self.check)


def generation_paths(directory: str) -> dict[Role, str]:
    """The path of each file in a generation's directory."""
    return {role: f"{directory}/{name}" for role, name in GENERATION_NAMES.items()}


def generation_name(leaf_fingerprint: str) -> str:
    """The name of a generation's directory; made of hex digits only, never of a name in the certificate."""
    return f"gen-{leaf_fingerprint[:16]}"


# --- what a configuration may say -----------------------------------------------------------

_BRACES = re.compile(r"\{\{|\}\}|\{([a-z0-9_]+)\}")
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}\$?")
_MODE = re.compile(r"0?[0-7]{3}")


def _paths(settings: LayoutSettings) -> dict[Role, str]:
    given = {role: getattr(settings, role.value) for role in Role}
    return {role: path for role, path in given.items() if path is not None}


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else text[:77] + "...")


def _refuse_bad_paths(paths: Mapping[Role, str], directory: str | None) -> None:
    named = [(role.value, path) for role, path in paths.items()]
    for key, path in [*named, *([("directory", directory)] if directory is not None else [])]:
        refuse_bad_path(key, path)
    if len({str(PurePosixPath(path)) for path in paths.values()}) < len(paths):
        raise ConfigError("two of the files have the same path", hint="give each its own, or use `combined` for all in one file")


def refuse_bad_path(key: str, path: str) -> None:
    """Refuse a path that could lead elsewhere than it reads.

    Raises:
        ConfigError: it is relative, has ``.`` or ``..`` in it, ends with a slash, holds unprintable characters, or is too long.

    """
    parts = path.split("/")
    if not path.startswith("/") or not path.isprintable() or not all(parts[1:]) or {".", ".."} & set(parts):
        raise ConfigError(
            f"{key}: {_shown(path)} is not a path to write to", hint="write it in full, without . or .. in it: /etc/ssl/svc.pem"
        )
    if len(path) > 1024 or len(parts[-1].encode()) > NAME_LIMIT:
        raise ConfigError(f"{key}: {_shown(path)} is too long", hint=f"at most {NAME_LIMIT} characters for a name, 1024 in all")


def _refuse_bad_layout(paths: Mapping[Role, str], directory: str | None) -> None:
    if directory is not None:
        if paths:
            raise ConfigError("directory stands beside single files", hint=f"leave out directory, or {', '.join(sorted(paths))}")
        return
    if not any(role.holds_leaf for role in paths):
        raise ConfigError(
            "nothing says where the certificate goes",
            hint="add fullchain and key_file, or combined, pkcs12, or directory",
        )
    if not any(role.holds_key for role in paths):
        raise ConfigError(
            "nothing says where the private key goes",
            hint='add key_file = "/etc/ssl/private/...", or use combined, which holds both',
        )


def _refuse_bad_rights(settings: LayoutSettings) -> None:
    for key, account in (("owner", settings.owner), ("group", settings.group)):
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise ConfigError(f"{key}: {_shown(account)} is not the name of an account", hint="write a name or a number")
    for key, mode in (("mode", settings.mode), ("certificate_mode", settings.certificate_mode)):
        if mode is not None and not _MODE.fullmatch(mode):
            raise ConfigError(f"{key}: {_shown(mode)} is not a file mode", hint='write it in octal digits: "0640"')
    if settings.mode is not None and int(settings.mode, 8) & 0o007:
        raise ConfigError(
            f"mode: {settings.mode} would let everybody read the private key",
            hint='give the service\'s group the right instead: group = "www-data", mode = "0640"',
        )
    if settings.pkcs12_password is not None and settings.pkcs12 is None and settings.directory is None:
        raise ConfigError("pkcs12_password stands without pkcs12", hint="add pkcs12, or leave the password out")


def _refuse_bad_command(key: str, command: tuple[str, ...]) -> None:
    if command and not command[0].strip():
        raise ConfigError(f"{key}: the command has no name", hint=f'write it as a list of words: {key} = ["nginx", "-t"]')
    for argument in command:
        # A newline is no harm in an argument list, but it is never meant, and makes logs lie.
        if not argument.isprintable():
            raise ConfigError(f"{key}: {_shown(argument)} holds characters that no command needs", hint="remove them")


def _placeholders(argument: str) -> Iterator[str]:
    return (found[1] for found in _BRACES.finditer(argument) if found[1])


def _refuse_placeholders(settings: LayoutSettings) -> None:
    if any(True for argument in settings.reload for _ in _placeholders(argument)):
        raise ConfigError("reload: names in braces are for check only", hint="write the path itself")
    known = settings.places()
    for name in (name for argument in settings.check for name in _placeholders(argument)):
        if name not in set(known):
            raise ConfigError(
                f"check: there is no file {{{name}}} in this target",
                hint=f"there are {', '.join(f'{{{role.value}}}' for role in known)}; write {{{{ and }}}} for braces themselves",
            )
