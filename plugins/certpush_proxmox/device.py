"""One device: what it has, and the three things that change it. Whatever answer is lost, the state is settled by looking."""

from __future__ import annotations

import contextlib
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from certpush.errors import CertpushError, TargetDrifted, TargetError, TargetRefused, TargetUnreachable
from certpush.kit.command import escaped
from certpush.kit.https import AnswerLost
from certpush.kit.tls import look
from certpush.model import Endpoint, JsonValue
from certpush_proxmox.api import Api
from certpush_proxmox.certificates import Seen, seen
from certpush_proxmox.product import Product, Removal
from certpush_proxmox.refusals import Proxied, ReloadFailed, RightsMissing
from certpush_proxmox.rights import grant, who_asks
from certpush_proxmox.settings import LoginSettings

_log = logging.getLogger(__name__)
_PROXIED_SECONDS = 75.0  # nodes ask anew for each other's certificate at most once a minute
_LOST_SECONDS = 12.0  # the device waits 10 s for its lock, and then writes within moments
_OLD_WORKERS_SECONDS = 11.0  # for which they were seen to answer on a busy machine
_TASK_SECONDS = 30.0
_KEPT_SECONDS = 1.0  # of the 5 after which the device ends a silent connection
_DEAD_AFTER = 3  # handshakes in a row that a worker ended
_UPID = re.compile(r"UPID:[A-Za-z0-9:@._!-]{10,200}")

Pause = Callable[[float], None]


class Device:
    """The certificate of one device, by its API. ``node_of`` finds the node's name, where there is one."""

    def __init__(
        self, product: Product, settings: LoginSettings, node_of: Callable[[Api], str], endpoint: Endpoint, *, pause: Pause = time.sleep
    ) -> None:
        self.product = product
        self.api = Api(product, settings, pause=pause)
        self.endpoint = endpoint
        self._node_of = node_of
        self._node: str | None = None
        self._pause = pause

    @property
    def node(self) -> str:
        """The node's name in paths; asked for once."""
        if self._node is None:
            self._node = self._node_of(self.api)
        return self._node

    def trust(self, *fingerprints: str | None, roots: str = "") -> None:
        """Recognise the device by these too, from the next connection on."""
        connections = self.api.connections
        connections.trust = connections.trust.also(*(one for one in fingerprints if one), roots=roots)

    # --- looking ---

    def look(self) -> Seen:
        """What it has in files. Nodes that have just been given a certificate do not know each other for a minute: that is waited for."""
        until = time.monotonic() + _PROXIED_SECONDS
        while True:
            try:
                with self._naming_rights():
                    return seen(self.product, self.api.get("nodes", self.node, "certificates", "info"))
            except Proxied as error:
                if error.status != 596 or time.monotonic() > until:
                    raise
            self._pause(3.0)

    def serves(self, fingerprint: str, *, within: float) -> bool:
        """Whether this one is seen at least once on a fresh connection; old workers may answer beside new ones."""
        until = time.monotonic() + within
        while True:
            try:
                if look(self.endpoint, (), datetime.now(UTC), timeout=5).fingerprint == fingerprint:
                    return True
            except TargetUnreachable:
                pass  # it may be restarting
            if time.monotonic() > until:
                return False
            self._pause(0.3)

    # --- changing ---

    def put(self, fields: dict[str, str], fingerprint: str) -> None:
        """Upload a pair and have it served; sent once.

        Raises:
            TargetUnreachable: it was not taken.
            TargetRefused: it was refused, or could not be brought to be served.

        """
        try:
            # Numbers, because the API refuses True. Without restart the file would be another one than what is served,
            # and other nodes could not reach this one any more.
            with self._naming_rights():
                answer = self.api.post(*self._path, **fields, force=1, restart=1)
        except ReloadFailed as error:
            self._reload_again(fingerprint, error)
        except (AnswerLost, Proxied) as error:
            self._settle(lambda now: now.written == fingerprint, error)
            self._see_to_it(fingerprint, error)
        else:
            self._compare(answer, fingerprint)

    def remove(self, own: str | None) -> None:
        """Go back to the device's own certificate; ``own`` is its fingerprint, where it is known beforehand."""
        try:
            with self._naming_rights():
                self.api.delete(*self._path, restart=1)
        except ReloadFailed as error:
            self._reload_again(own, error)
        except (AnswerLost, Proxied) as error:
            before = self.api.product.own_file
            self._settle(lambda now: now.written is None or (before is None and now.device_default), error)
            if own is not None:
                self._see_to_it(own, error)
        self._see_it_removed()

    def _see_it_removed(self) -> None:
        """Without quorum the API says that files are removed which are still there."""
        if self.product.removal is not Removal.NEW and self.look().written is not None:
            raise TargetRefused(
                f"{self.api.where}: its certificate was not removed, though it said so",
                hint="has the cluster lost its quorum? `pvecm status` shows it",
            )

    def reload(self) -> None:
        """Have the service take up its files, by the endpoint that does nothing else.

        Raises:
            TargetRefused: it did not.

        """
        if not self.product.daemon:
            raise TargetRefused(f"{self.api.where}: its web server cannot be told to reload", hint="restart it on the device")
        self._bid("reload", "reloaded", self.product.daemon)

    def take_up(self, fingerprint: str) -> None:
        """Have the service started anew, once, where its reload did nothing; whether that helped is for the core to see."""
        service = self.product.daemon or self.product.restarted
        old_workers = _OLD_WORKERS_SECONDS / 2 if self.product.daemon else 0.0
        if not service or self.serves(fingerprint, within=old_workers):
            return
        _log.warning("%s: %s did not take its certificate up when it reloaded; restarting it", self.api.where, service)
        try:
            self._bid("restart", "restarted", service)
        except TargetError as error:
            _log.warning("%s", error.message)

    def _bid(self, verb: str, done: str, service: str) -> None:
        task = self.api.post("nodes", self.node, "services", service, verb)
        for status in self._task(task):
            if status.get("status") != "stopped":
                continue
            if str(status.get("exitstatus")) != "OK":
                raise TargetRefused(
                    f"{self.api.where}: {service} could not be {done}: {escaped(str(status.get('exitstatus')))[:200]}",
                    hint=f"on the device: journalctl -u {service} -n 50",
                )
            return

    @property
    def _path(self) -> tuple[str, ...]:
        return ("nodes", self.node, "certificates", *self.product.endpoint)

    @contextlib.contextmanager
    def _naming_rights(self) -> Iterator[None]:
        """Say which right is missing, and which commands give it: not every product does."""
        try:
            yield
        except RightsMissing as error:
            path = self.product.rights.format(node=self.node)
            needed = self.product.needs.format(privilege=self.product.privilege, path=path)
            message = f"{error.message} ({who_asks(self.api.settings)} needs {needed})"
            raise RightsMissing(message, hint=grant(self.product, self.api.settings, path)) from error

    def _compare(self, answer: JsonValue, fingerprint: str) -> None:
        told = seen(self.product, answer).written
        if told is not None and told != fingerprint:
            raise TargetDrifted(
                f"{self.api.where}: it has another certificate than the one that was sent (sha256 {told[:16]})",
                hint="is somebody else changing it at the same moment?",
            )

    def _settle(self, done: Callable[[Seen], bool], error: TargetError) -> None:
        """Nobody knows whether it was done: look until it is, or until it cannot be any more. Nothing is sent a second time."""
        until = time.monotonic() + (_PROXIED_SECONDS if isinstance(error, Proxied) else _LOST_SECONDS)
        while not self._is(done):
            if time.monotonic() > until:
                raise TargetUnreachable(
                    f"{error.message}; its files show that nothing was changed",
                    hint=error.hint if isinstance(error, Proxied) else "run again; if it lasts, look at the network in between",
                    retryable=False,
                ) from error
            self._pause(1.0)

    def _is(self, done: Callable[[Seen], bool]) -> bool:
        try:
            return done(self.look())
        except TargetUnreachable:
            return False

    def _see_to_it(self, fingerprint: str, error: TargetError) -> None:
        """The files are right: what is served will be, unless the reload was lost too."""
        if not self.serves(fingerprint, within=_OLD_WORKERS_SECONDS) and self.product.daemon:
            self._reload_again(fingerprint, error)

    def _reload_again(self, fingerprint: str | None, error: TargetError) -> None:
        """A failed reload leaves the new files: try it again alone, without touching them."""
        if not self.product.daemon or (fingerprint is not None and self.look().installed != fingerprint):
            raise error
        try:
            self.reload()
        except TargetError as again:
            raise ReloadFailed(f"{error.message}; and again: {again.message}", hint=again.hint, text="", status=500) from error

    def _task(self, task: JsonValue) -> Iterator[dict[str, JsonValue]]:
        """How a task is getting on, until its time is over; nothing where the answer names none, or we may not look."""
        until = time.monotonic() + _TASK_SECONDS
        if not isinstance(task, str) or not _UPID.fullmatch(task):
            return
        while time.monotonic() < until:
            try:
                status = self.api.get("nodes", self.node, "tasks", task, "status")
            except CertpushError:
                return  # what is served tells, too
            if isinstance(status, dict):
                yield status
            self._pause(0.3)

    # --- a pair that kills ---

    def died_of(self, fingerprint: str) -> bool:
        """Whether new workers end every handshake: then there are seconds left to go back over the connection that is open."""
        dead, until = 0, time.monotonic() + _OLD_WORKERS_SECONDS / 2
        while dead < _DEAD_AFTER and time.monotonic() < until:
            try:
                if look(self.endpoint, (), datetime.now(UTC), timeout=3).fingerprint == fingerprint:
                    return False
            except TargetUnreachable as error:
                dead += _ended_in_handshake(error)
            self._keep_connection()
            self._pause(0.2)
        return dead >= _DEAD_AFTER

    def _keep_connection(self) -> None:
        if self.api.idle > _KEPT_SECONDS:
            with contextlib.suppress(CertpushError):  # then it is gone, and going back needs a new one
                self.api.get("version")


def _ended_in_handshake(error: TargetUnreachable) -> bool:
    return isinstance(error.__cause__, ssl.SSLError | ConnectionResetError)
