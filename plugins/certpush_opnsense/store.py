"""The firewall's store of certificates and CAs, by its API. A lost answer is settled by looking, never by a second call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cryptography import x509

from certpush.errors import NoWayBack, TargetError, TargetRefused, TargetUnreachable
from certpush.kit.https import AnswerLost
from certpush.model import CertificateBundle, Secret, fingerprint, to_pem
from certpush_opnsense.api import Api
from certpush_opnsense.entries import Authority, Entry, authority_of, chain_from, entry_of, linked
from certpush_opnsense.refusals import refused_fields

_CERTIFICATES = ("trust", "cert")
_AUTHORITIES = ("trust", "ca")


class Store:
    """What is ours in the store: the entry that the web GUI has, the one in which the former pair is kept, and CAs."""

    def __init__(self, api: Api, description: str, former: str) -> None:
        self._api = api
        self._description = description
        self._former = former

    # --- looking ---

    def ours(self) -> tuple[Entry | None, tuple[Entry, ...]]:
        """Our entry, and those that keep former pairs; of several of our name the one that is used."""
        found = [entry_of(row) for row in self._api.rows(*_CERTIFICATES, phrase=self._description)]
        named = sorted((one for one in found if one.descr == self._description), key=lambda one: not one.in_use)
        kept = tuple(one for one in found if one.descr == self._former)
        return next(iter(named), None), kept

    def authorities(self) -> tuple[Authority, ...]:
        """All CAs of the store."""
        return tuple(authority_of(row) for row in self._api.rows(*_AUTHORITIES))

    # --- changing ---

    def add(self, bundle: CertificateBundle) -> Entry:
        """Make our entry; nothing uses it yet."""
        return self._add(self._description, _pem_of(bundle), Secret(bundle.key.reveal_pem().decode("ascii")), bundle.fingerprint)

    def keep(self, entry: Entry) -> Entry:
        """Keep a pair in an entry of its own, before it is replaced.

        Raises:
            NoWayBack: the entry has no key, or no certificate.

        """
        if entry.fingerprint is None or entry.key is None:
            raise NoWayBack(
                f"{self._api.where}: the entry {entry.descr!r} has no certificate with a key, so it cannot be kept as the way back",
                hint="choose another certificate under System > Settings > Administration, then run again",
            )
        return self._add(self._former, entry.pem, entry.key, entry.fingerprint)

    def replace(self, entry: Entry, bundle: CertificateBundle) -> None:
        """Put a pair into an entry, whose number stays; both halves are sent, because the API takes half of a pair, too."""
        self._replace(entry, _pem_of(bundle), Secret(bundle.key.reveal_pem().decode("ascii")), bundle.fingerprint)

    def restore(self, entry: Entry, kept: Entry) -> None:
        """Put a kept pair back into an entry."""
        if kept.key is None or kept.fingerprint is None:
            raise NoWayBack(
                f"{self._api.where}: the pair that was kept has lost its key", hint="restore it under System > Configuration > Backups"
            )
        self._replace(entry, kept.pem, kept.key, kept.fingerprint)

    def add_authorities(self, bundle: CertificateBundle) -> tuple[str, ...]:
        """See that the CAs of the chain are there; the fingerprints of those that were added.

        Raises:
            TargetRefused: adding one would give others' certificates another chain.

        """
        added = []
        for certificate in reversed(bundle.chain):
            present = self.authorities()
            if fingerprint(certificate) in {one.fingerprint for one in present}:
                continue
            self._refuse_to_move_others(certificate, present)
            pem = to_pem(certificate).decode("ascii")
            fields = {"action": "existing", "descr": f"{self._description} CA", "crt_payload": pem}
            self._save(_AUTHORITIES, "ca", fields, partial(self._has, certificate))
            added.append(fingerprint(certificate))
        return tuple(added)

    def check_links(self, bundle: CertificateBundle) -> None:
        """See that the firewall will send the right chain: it links by name alone.

        Raises:
            TargetRefused: it would not.

        """
        if not bundle.chain:
            return
        authorities = self.authorities()
        first = linked(bundle.leaf, authorities)
        chain = chain_from(first.refid, authorities) if first else ()
        if chain[: len(bundle.chain)] != tuple(map(fingerprint, bundle.chain)):
            raise self._wrong_chain(first)

    def check_chain(self, entry: Entry, bundle: CertificateBundle) -> None:
        """See that the firewall has linked our entry to the right chain.

        Raises:
            TargetRefused: it has not.

        """
        authorities = self.authorities()
        if chain_from(entry.caref, authorities)[: len(bundle.chain)] != tuple(map(fingerprint, bundle.chain)):
            raise self._wrong_chain(next((one for one in authorities if one.refid == entry.caref), None))

    # --- removing ---

    def remove(self, entry: Entry) -> None:
        """Remove an entry that nothing uses; the API refuses where something does."""
        self._delete(_CERTIFICATES, entry.uuid)

    def remove_authorities(self, fingerprints: tuple[str, ...]) -> None:
        """Remove these CAs, which we added; whatever is linked to them is ours, and about to go or to be linked anew."""
        for one in self.authorities():
            if one.fingerprint in fingerprints and one.descr.startswith(self._description):
                self._delete(_AUTHORITIES, one.uuid)

    def remove_unused_authorities(self) -> None:
        """Remove CAs that we added and nothing names any more; the API itself would also remove others."""
        for one in self.authorities():
            if one.descr == f"{self._description} CA" and one.references == 0:
                self._delete(_AUTHORITIES, one.uuid)

    # --- how ---

    def _add(self, description: str, pem: str, key: Secret, wanted: str) -> Entry:
        def there() -> Entry | None:
            entry, kept = self.ours()
            found = (entry,) if description == self._description else kept
            return next((one for one in found if one and one.fingerprint == wanted and one.key is not None), None)

        fields = {"action": "import", "descr": description, "crt_payload": pem, "prv_payload": key.reveal()}
        self._save(_CERTIFICATES, "cert", fields, lambda: there() is not None)
        found = there()
        if found is None:
            raise TargetRefused(
                f"{self._api.where}: the certificate is not in its store, though it said so",
                hint="does a high-availability primary overwrite the certificates of this firewall?",
            )
        return found

    def _replace(self, entry: Entry, pem: str, key: Secret, wanted: str) -> None:
        def done() -> bool:
            now = self.ours()[0]
            return now is not None and now.refid == entry.refid and now.fingerprint == wanted

        self._refuse_passing_number(entry)
        fields = {"action": "import", "descr": entry.descr, "crt_payload": pem, "prv_payload": key.reveal()}
        self._save(_CERTIFICATES, "cert", fields, done, entry.uuid)
        if not done():
            raise TargetRefused(f"{self._api.where}: the entry {entry.descr!r} has not changed, though it said so", hint="run again")

    def _refuse_passing_number(self, entry: Entry) -> None:
        """An entry that older code made has another number at each call, until it is saved; under an unknown one, `set` adds."""
        answer = self._api.get(*_CERTIFICATES, "get", entry.uuid)
        found = answer.get("cert") if isinstance(answer, dict) else None
        if not isinstance(found, dict) or found.get("refid") != entry.refid:
            raise TargetRefused(
                f"{self._api.where}: the entry {entry.descr!r} has no lasting number, so the API cannot change it",
                hint="open it once under System > Trust > Certificates, and save it",
            )

    def _save(self, path: tuple[str, ...], kind: str, fields: dict[str, str], done: Callable[[], bool], uuid: str = "") -> None:
        call = (*path, "set", uuid) if uuid else (*path, "add")
        try:
            answer = self._api.post(*call, body={kind: fields})
        except AnswerLost as error:
            if not _is(done):
                raise TargetUnreachable(f"{error.message}; nothing was changed", hint=error.hint, retryable=False) from error
            return
        if not isinstance(answer, dict) or answer.get("result") != "saved":
            raise refused_fields(f"{self._api.where}: /{'/'.join(path)}", answer)

    def _delete(self, path: tuple[str, ...], uuid: str) -> None:
        answer = self._api.post(*path, "del", uuid)
        if not isinstance(answer, dict) or answer.get("result") not in ("deleted", "not found"):
            raise refused_fields(f"{self._api.where}: /{'/'.join(path)}/del", answer)

    def _has(self, certificate: x509.Certificate) -> bool:
        return fingerprint(certificate) in {one.fingerprint for one in self.authorities()}

    def _refuse_to_move_others(self, certificate: x509.Certificate, present: tuple[Authority, ...]) -> None:
        """An authority that comes in takes over every certificate whose issuer has its name, whoever signed it."""
        entry, kept = self.ours()
        for one in present:
            if one.certificate is None or one.certificate.subject != certificate.subject:
                continue
            of_ours = sum(mine.caref == one.refid for mine in (entry, *kept) if mine is not None)
            if one.references > of_ours:
                raise TargetRefused(
                    f"{self._api.where}: another authority of the same name is in its store as {one.descr!r}, and used: "
                    "importing ours would give those certificates the wrong chain, because OPNsense links them by name",
                    hint="give what uses it certificates of the new authority first, or remove it under System > Trust > Authorities",
                )

    def _wrong_chain(self, instead: Authority | None) -> TargetError:
        other = f"to {instead.descr!r}" if instead else "to none"
        return TargetRefused(
            f"{self._api.where}: OPNsense links the certificate {other}, which is not the authority that signed it",
            hint="remove authorities of the same name that are not used any more, under System > Trust > Authorities",
        )


def _pem_of(bundle: CertificateBundle) -> str:
    return bundle.leaf_pem.decode("ascii")


def _is(done: Callable[[], bool]) -> bool:
    try:
        return done()
    except TargetUnreachable:
        return False
