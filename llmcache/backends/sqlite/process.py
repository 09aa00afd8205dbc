"""Which process holds a lease, and whether it still lives."""

from __future__ import annotations

import functools
import os
import platform
import sys
import uuid
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process", "is_dead", "this_process"]

BOOT = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")
ENDED = ("Z", "X")  # a process that nobody waited for yet
STARTED_FIELD = 19  # of what follows the command in /proc/<pid>/stat; ticks since boot


class Process(NamedTuple):
    """A process, told apart from later ones of the same number.

    Attributes:
        machine: Host, boot and pid namespace: only where all are ours does `pid` mean anything.
        pid: Its number.
        started: When it started, as the system counts it; empty where that is not told.
    """

    machine: str
    pid: int
    started: str


def this_process() -> Process:
    """The process that asks; a forked child is another one."""
    return describe(os.getpid())


@functools.cache
def describe(pid: int) -> Process:
    """This process, read once per number of its own."""
    return Process(machine(), pid, start_of(pid) or "")


@functools.cache
def machine() -> str:
    """Where process numbers mean the same as here."""
    try:
        boot = BOOT.read_text(encoding="ascii").strip()
        namespace = str(NAMESPACE.readlink())
    except OSError:
        boot, namespace = f"{uuid.getnode():x}", ""
    return f"{platform.node()} {boot} {namespace}"


def start_of(pid: int) -> str | None:
    """When a process of this machine started; None: it has ended, or that is not told."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in ENDED else fields[STARTED_FIELD]


def is_dead(process: Process) -> bool:
    """Whether it is known to have ended; False where this machine cannot tell."""
    if process.machine != machine() or sys.platform == "win32":
        return False
    if not exists(process.pid):
        return True
    return bool(process.started) and start_of(process.pid) != process.started


def exists(pid: int) -> bool:
    """Whether a process of that number runs (or has ended and was not waited for)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
