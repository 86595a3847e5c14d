"""What checks of a target with files find, in the same words for this machine and for remote ones."""

from __future__ import annotations

from certpush.model import CertificateRequest, Finding, KeySpec, Severity

ROOM = 512 * 1024
"""Free bytes that a rotation asks for: new files, kept copies, and some to spare."""
SKEW = 30.0
"""Seconds by which a clock may be wrong without a word, as for the CA."""


def ok(code: str, message: str) -> Finding:
    """Something that is as it should be."""
    return Finding(Severity.OK, code, message)


def warning(code: str, message: str, hint: str) -> Finding:
    """Something that a person should know, and that stops nothing."""
    return Finding(Severity.WARNING, code, message, hint)


def error(code: str, message: str, hint: str) -> Finding:
    """Something that would make the rotation fail."""
    return Finding(Severity.ERROR, code, message, hint)


def directory_missing(path: str) -> Finding:
    """A directory for the files is not there."""
    return error("directory-missing", f"{path} is not there, or no directory", f"make it: install -d -m 0755 {path}")


def not_writable(path: str, why: str = "") -> Finding:
    """A directory cannot be written to by the user we run as."""
    return error(
        "directory-not-writable",
        f"cannot write to {path}" + (f": {why}" if why else ""),
        "give the user the right to write there, remount the file system read-write, or name another directory",
    )


def no_room(path: str, free: int) -> Finding:
    """The disk is as good as full."""
    return error("disk-full", f"only {free // 1024} KiB are free for {path}", "make room; a rotation wants 512 KiB")


def odd_path(message: str, hint: str) -> Finding:
    """Something is in the way that we refuse to touch."""
    return error("path-unsafe", message, hint)


def unknown_account(key: str, name: str) -> Finding:
    """An owner or group does not exist."""
    return error(
        f"{key}-unknown", f"{key} = {name!r}: there is no such {'user' if key == 'owner' else 'group'}", "create it, or name another"
    )


def owner_lost(path: str) -> Finding:
    """The user we run as cannot give a new file the owner that the old one has."""
    return error(
        "owner-not-kept",
        f"{path} belongs to another user, and a new file could not be given to them",
        "run as root (sudo = true), or set owner and group to accounts that may own it",
    )


def key_readable(path: str, mode: int) -> Finding:
    """A key file that everybody can read keeps its mode, and that is worth a word."""
    return warning(
        "key-readable", f"{path} holds the key and everybody can read it (mode {mode:04o})", 'set mode = "0600", or "0640" and a group'
    )


def command_missing(key: str, command: str) -> Finding:
    """A command cannot be found."""
    return error("command-missing", f"{key}: {command} cannot be found, or not be run", "install it, or write its full path")


def command_open(key: str, command: str) -> Finding:
    """A command that anybody could swap for another."""
    return error("command-unsafe", f"{key}: everybody may write to {command}", f"chmod o-w {command}")


def key_type(request: CertificateRequest) -> tuple[Finding, ...]:
    """Whether clients will take this type of key."""
    if request.key is KeySpec.ED25519:
        return (warning("key-type", "web browsers do not accept Ed25519 certificates", 'use key = "ec-p256" for what browsers see'),)
    return ()


def clock_skew(seconds: float, hint: str = "have both set by NTP") -> tuple[Finding, ...]:
    """Whether its clock, so many seconds ahead of ours, is wrong enough to matter."""
    if abs(seconds) <= SKEW:
        return ()
    direction = "behind" if seconds < 0 else "ahead of"
    return (warning("clock-skew", f"its clock is {abs(seconds):.0f} s {direction} ours", hint),)


def old_handshake() -> Finding:
    """An SSH server that does not keep to the strict handshake."""
    return warning(
        "ssh-old-handshake",
        "its SSH server does not guard the handshake against cut-out packets (Terrapin)",
        "update it to OpenSSH 9.6 or later",
    )


def tool_missing(name: str, hint: str = "install it") -> Finding:
    """A program that the steps need is not there."""
    return error("tool-missing", f"a program that is needed is missing there: {name}", hint)
