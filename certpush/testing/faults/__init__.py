"""Deliberately faulty targets. The contract suite must fail each of them, and for its own reason.

A suite that nobody has seen fail proves nothing; and whoever writes a plugin finds here, one
class each, the mistakes that are worth a test.
"""

from certpush.testing.faults import back, declared, forward, members, talk, tidying
from certpush.testing.faults.declared import DeclarationFault
from certpush.testing.faults.fault import Fault
from certpush.testing.faults.members import ClusterFault

FAULTS: tuple[Fault | ClusterFault | DeclarationFault, ...] = (
    *declared.FAULTS,
    *forward.FAULTS,
    *back.FAULTS,
    *tidying.FAULTS,
    *talk.FAULTS,
    *members.FAULTS,
)

__all__ = ["FAULTS", "ClusterFault", "DeclarationFault", "Fault"]
