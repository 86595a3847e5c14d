"""Proving ourselves to the CA: from settings and the CA's listing to something that makes tokens."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from certpush.errors import BundleInvalid, ConfigError, IssuerRefused
from certpush.model import CertificateBundle, Name, Secret, issued_by, read_certificates
from certpush.records import record
from certpush.references import read_private_file
from certpush.stepca.bootstrap import user_path
from certpush.stepca.jose import ProvisionerKey, read_private_jwk
from certpush.stepca.jwe import WrongPassword, open_sealed_key
from certpush.stepca.provisioners import choose
from certpush.stepca.settings import CaSettings
from certpush.stepca.tokens import Audience, Clock, TokenMint
from certpush.stepca.wire import Provisioner


class Credential(Protocol):
    """Makes tokens; ``TokenMint`` does, and ``ReadyToken`` in its way."""

    @property
    def provisioner(self) -> str:
        """The provisioner's name, for errors."""
        ...

    def for_signing(self, audience: Audience, names: Sequence[Name], csr: x509.CertificateSigningRequest, root: str) -> str:
        """A token for one signing request."""
        ...

    def for_revoking(self, audience: Audience, serial: int) -> str:
        """A token that revokes one serial number."""
        ...


@record(frozen=True, slots=True)
class Situation:
    """What a credential is made from: the settings, the provisioners that the CA lists, the time, and the CA's name for errors."""

    settings: CaSettings
    listed: tuple[Provisioner, ...]
    clock: Clock
    whose: str


@record(frozen=True, slots=True)
class ReadyToken:
    """A token that somebody else made (OIDC, K8sSA): sent as it is, once."""

    provisioner: str
    token: Secret = field(repr=False)

    def for_signing(self, *_: object) -> str:
        """The token."""
        return self.token.reveal().strip()

    def for_revoking(self, *_: object) -> str:
        """The token."""
        return self.token.reveal().strip()


def credential_for(at: Situation) -> Credential:
    """Make what the settings say: a ready token, an X5C certificate, a key file, or the CA's key opened with the password.

    Raises:
        ConfigError: the settings name no way, or a file cannot be read safely.
        IssuerRefused: there is no such provisioner, or the password is wrong.

    """
    settings = at.settings
    if settings.token is not None:
        return ReadyToken(settings.provisioner or "", settings.token)
    if settings.x5c_certificate is not None and settings.x5c_key is not None:
        return _x5c(at, user_path(settings.x5c_certificate), user_path(settings.x5c_key))
    if settings.provisioner_key is not None:
        return _own_key(at, user_path(settings.provisioner_key))
    if settings.password is not None:
        return _handed_out_key(at, settings.password)
    raise ConfigError(
        f"{at.whose}: nothing to prove oneself with",
        hint='add password = "file:/path" of the provisioner (`certpush issue` takes --password-file too),'
        " or x5c_certificate and x5c_key, provisioner_key, or token",
    )


# --- JWK --------------------------------------------------------------------------------------


def _handed_out_key(at: Situation, password: Secret) -> TokenMint:
    candidates = choose(at.listed, at.settings.provisioner, "JWK", at.whose)
    whose = f"{at.whose}, provisioner {candidates[0].name!r}"
    sealed = [one for one in candidates if one.encrypted_key]
    if not sealed:
        raise IssuerRefused(
            f"{whose}: the CA does not hand out its key, so a password opens nothing",
            hint="give the private key yourself: provisioner_key = the path of its JWK file",
        )
    for one in sealed[:-1]:  # several keys may share a name; the password tells which is meant
        with contextlib.suppress(WrongPassword):
            return _mint(at, one, open_sealed_key(one.encrypted_key, password, whose))
    return _mint(at, sealed[-1], open_sealed_key(sealed[-1].encrypted_key, password, whose))


def _mint(at: Situation, provisioner: Provisioner, key: ProvisionerKey) -> TokenMint:
    # The CA looks a key up by the kid in its listing.
    return TokenMint(provisioner.name, key.key, at.clock, kid=provisioner.kid or key.kid)


def _own_key(at: Situation, path: Path) -> TokenMint:
    key = read_key_file(path, at.settings.password)
    same_key = [one for one in at.listed if one.kid == key.kid]
    if not same_key:
        raise IssuerRefused(
            f"{at.whose}: no provisioner has the key of {path} (kid {key.kid})",
            hint="it was changed or removed on the CA; `certpush ca provisioners` lists them",
        )
    return _mint(at, choose(same_key, at.settings.provisioner or same_key[0].name, "JWK", at.whose)[0], key)


class _SealedFile(msgspec.Struct, frozen=True):
    """A JWE as ``step crypto jwk create`` writes it (RFC 7516 7.2.2); the parts are those of the compact form."""

    protected: str
    encrypted_key: str
    iv: str
    ciphertext: str
    tag: str

    def compact(self) -> str:
        return f"{self.protected}.{self.encrypted_key}.{self.iv}.{self.ciphertext}.{self.tag}"


def read_key_file(path: Path, password: Secret | None) -> ProvisionerKey:
    """Read a private JWK file, plain or sealed with a password as ``step crypto jwk create`` does.

    Raises:
        ConfigError: it cannot be read safely, or is no such file.
        IssuerRefused: the password does not open it.

    """
    text = read_private_file(path).strip()
    sealed = _sealed(text)
    if sealed is None:
        try:
            return read_private_jwk(text.encode())
        except ValueError as error:
            raise ConfigError(f"provisioner_key {path}: {error}", hint="it holds the private JWK, as JSON") from None
    if password is None:
        raise ConfigError(f"provisioner_key {path} is sealed with a password", hint='add password = "file:/path"')
    return open_sealed_key(sealed, password, f"provisioner_key {path}")


def _sealed(text: str) -> str | None:
    if text.count(".") == 4 and not text.startswith("{"):
        return text
    try:
        return msgspec.json.decode(text, type=_SealedFile).compact()
    except (msgspec.DecodeError, RecursionError):
        return None


# --- X5C --------------------------------------------------------------------------------------


def _x5c(at: Situation, certificate: Path, key: Path) -> TokenMint:
    provisioner = choose(at.listed, at.settings.provisioner, "X5C", at.whose)[0]
    bundle = read_x5c(certificate, key)
    if bundle.not_after <= at.clock():
        raise IssuerRefused(
            f"{at.whose}: x5c_certificate {certificate} expired on {bundle.not_after:%Y-%m-%d %H:%M} UTC",
            hint="renew it in time; certpush can keep it fresh like any other certificate",
        )
    chain = (bundle.leaf, *bundle.chain)
    if not _leads_to(chain, _roots_of(provisioner)):
        raise IssuerRefused(
            f"{at.whose}: x5c_certificate {certificate} does not lead to a root of the provisioner {provisioner.name!r}",
            hint="the file holds the certificate and then every intermediate above it; was it signed by the CA meant here?",
        )
    return TokenMint(provisioner.name, bundle.key.reveal_key(), at.clock, chain=chain)


def _roots_of(provisioner: Provisioner) -> tuple[x509.Certificate, ...]:
    """The roots that an X5C provisioner accepts; none where the CA does not say."""
    try:
        return read_certificates(base64.b64decode(provisioner.roots))
    except (ValueError, BundleInvalid):
        return ()


def _leads_to(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> bool:
    """Whether the CA can follow the chain; where the roots are not known, it may."""
    return not roots or any(one == root or issued_by(one, root) for one in chain for root in roots)


def read_x5c(certificate: Path, key: Path) -> CertificateBundle:
    """Read the pair that stands for us with an X5C provisioner.

    Raises:
        ConfigError: the files cannot be read, do not belong together, or are not for this use.

    """
    try:
        bundle = CertificateBundle.from_pem(certificate.read_bytes(), read_private_file(key).encode())
    except OSError as error:
        raise ConfigError(f"x5c_certificate {certificate} cannot be read: {error.strerror}", hint="check the path") from None
    except BundleInvalid as error:
        hint = error.hint or "x5c_certificate holds the certificate first and then its chain, and x5c_key its private key"
        raise ConfigError(f"x5c_certificate {certificate} with x5c_key {key}: {error.message}", hint=hint) from None
    if not _is_for_clients(bundle.leaf):
        raise ConfigError(
            f"x5c_certificate {certificate} is not for client authentication",
            hint="step-ca takes certificates with clientAuth and digitalSignature, such as its own",
        )
    return bundle


def _is_for_clients(certificate: x509.Certificate) -> bool:
    """Whether step-ca would take it: digitalSignature, and clientAuth unless it is for any purpose."""
    try:
        if not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            return False
        return ExtendedKeyUsageOID.CLIENT_AUTH in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as missing:
        return missing.oid == ExtensionOID.EXTENDED_KEY_USAGE
