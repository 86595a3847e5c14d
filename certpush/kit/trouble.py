"""Why a step on the files could not be taken, in the same words for this machine and for remote ones."""

from __future__ import annotations

import enum

from certpush.errors import CertpushError, ClockSkew, NoWayBack, RescueFired, SafetyRefusal, TargetDrifted, TargetRefused


class Trouble(enum.StrEnum):
    """The codes that a remote script reports; ``explain`` turns them into errors."""

    ODD = "odd"
    PRIVATE = "private"
    OPEN = "open-to-all"
    FOREIGN_LINK = "foreign-link"
    DRIFT = "drift"
    DAMAGED = "damaged"
    GONE = "gone"
    READ = "read"
    WRITE = "write"
    OWNER = "owner"
    CLOCK = "clock"
    CHECK = "check"
    RELOAD = "reload"
    ARM = "arm"
    RESCUED = "rescued"
    TOOL = "tool"


def explain(trouble: Trouble, subject: str, detail: str = "") -> CertpushError:
    """Make the error for a trouble with ``subject`` (a path, or a command), both escaped already."""
    maker, message, hint = _WORDS[trouble]
    text = message.format(subject=subject)
    return maker(f"{text}: {detail}" if detail else text, hint=hint)


_WORDS: dict[Trouble, tuple[type[CertpushError], str, str]] = {
    Trouble.ODD: (
        SafetyRefusal,
        "{subject} is taken by something that certpush does not replace: a link, a file with two names, or no plain file",
        "name the file itself, and give certpush a file (or a `current` link) of its own",
    ),
    Trouble.PRIVATE: (
        SafetyRefusal,
        "{subject} is not a directory of our own with mode 0700",
        "look who made it, then remove it",
    ),
    Trouble.OPEN: (
        SafetyRefusal,
        "{subject}: everybody may write to a directory on the way",
        "anyone could swap the files there: chmod o-w the directory",
    ),
    Trouble.FOREIGN_LINK: (
        SafetyRefusal,
        "{subject} on the way is a symbolic link of another user",
        "name the real directory",
    ),
    Trouble.DRIFT: (
        TargetDrifted,
        "{subject} was changed by somebody else meanwhile; nothing was switched",
        "look who writes there too, then run again",
    ),
    Trouble.DAMAGED: (
        TargetRefused,
        "{subject} is not there as it was written",
        "look at the disk, and run again",
    ),
    Trouble.GONE: (
        NoWayBack,
        "the copy of the old {subject} is gone",
        "put the old file back by hand, from a backup",
    ),
    Trouble.READ: (
        TargetRefused,
        "cannot read {subject}",
        "run as a user who may read it, or use sudo = true",
    ),
    Trouble.WRITE: (
        TargetRefused,
        "cannot write {subject}",
        "see that the directory is there, has room, and may be written to",
    ),
    Trouble.OWNER: (
        TargetRefused,
        "cannot give {subject} its owner",
        "run as a user who may, use sudo = true, or set owner and group to accounts that may own it",
    ),
    Trouble.CLOCK: (
        ClockSkew,
        "the clock of the target is before the certificate's first second",
        "set the clock of the target right (timedatectl)",
    ),
    Trouble.CHECK: (
        TargetRefused,
        "the check command failed: {subject}",
        "run it by hand on the target; nothing is served that it does not accept",
    ),
    Trouble.RELOAD: (
        TargetRefused,
        "the reload command failed: {subject}",
        "run it by hand on the target",
    ),
    Trouble.ARM: (
        TargetRefused,
        "the timer that puts the old files back could not be started; nothing was switched",
        "see that processes may outlive the login on the target (loginctl, KillUserProcesses)",
    ),
    Trouble.RESCUED: (
        RescueFired,
        "the target put the old files back by itself before the new ones were confirmed",
        "see why the run took so long, or give it longer with rescue_after",
    ),
    Trouble.TOOL: (
        TargetRefused,
        "a program that is needed is missing on the target: {subject}",
        "install it there",
    ),
}
