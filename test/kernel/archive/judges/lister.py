"""Lists a tar as Python's tarfile sees it, in the form of lister.go: a line of JSON for each entry."""

import base64
import hashlib
import json
import sys
import tarfile

PREFIX = "SCHILY.xattr."


def as_bytes(text):
    """The bytes that tarfile made a string of, in base64."""
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def describe(archive, member):
    seconds, _, fraction = member.pax_headers.get("mtime", str(int(member.mtime))).partition(".")
    nanos = int(fraction[:9].ljust(9, "0"))
    if seconds.startswith("-") and nanos > 0:
        seconds, nanos = int(seconds) - 1, 1_000_000_000 - nanos
    body = archive.extractfile(member).read() if member.isreg() else b""
    xattrs = [(key, value) for key, value in member.pax_headers.items() if key.startswith(PREFIX)]
    return {
        # tarfile takes the slash from a directory's name.
        "Name": as_bytes(member.name + ("/" if member.isdir() else "")),
        "Type": member.type.decode(),
        "Mode": member.mode,
        "UID": member.uid,
        "GID": member.gid,
        "Size": member.size,
        "Seconds": int(seconds),
        "Nanos": nanos,
        "Link": as_bytes(member.linkname),
        "Major": member.devmajor,
        "Minor": member.devminor,
        "Xattrs": [{"Name": as_bytes(key[len(PREFIX):]), "Value": as_bytes(value)} for key, value in xattrs],
        "SHA256": hashlib.sha256(body).hexdigest(),
    }


with tarfile.open(sys.argv[1], encoding="utf-8", errors="surrogateescape") as archive:
    for member in archive:
        print(json.dumps(describe(archive, member)))
