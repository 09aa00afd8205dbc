"""Whether a directory lies on a network file system, where SQLite's shared memory is unsafe."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["network_filesystem"]

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = {
    *("9p", "afs", "afp", "beegfs", "ceph", "cifs", "coda", "fuse.glusterfs", "fuse.rclone"),
    *("fuse.s3fs", "fuse.sshfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs"),
    *("smb2", "smb3", "smbfs", "virtiofs", "webdav"),
}
MOUNT_POINT = 4
OCTAL = re.compile(r"\\([0-7]{3})")


def network_filesystem(directory: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the network file system that holds `directory`; None: local, or not known.

    Known on Linux only, from the mount table. `directory` is absolute and without symlinks.
    """
    try:
        table = mounts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = mount_type(directory, table)
    return found if found in NETWORK else None


def mount_type(directory: Path, table: str) -> str | None:
    """The file system type of the innermost mount over `directory`; the later of equals counts."""
    best, kind = -1, None
    for line in table.splitlines():
        mount, _, filesystem = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) <= MOUNT_POINT:
            continue
        point = Path(OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[MOUNT_POINT]))
        if directory.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), filesystem.split(" ")[0]
    return kind
