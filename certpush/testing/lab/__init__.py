"""Real servers on loopback for tests and the demo: step-ca, sshd, nginx.

Each server has a directory of its own, listens on a free port of 127.0.0.1, is ended by its
process id, and leaves nothing behind.
"""

from certpush.testing.lab.process import LabError, NotPossibleHere
from certpush.testing.lab.tools import Tool, find_tool, missing_tools

__all__ = ["LabError", "NotPossibleHere", "Tool", "find_tool", "missing_tools"]
