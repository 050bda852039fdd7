"""Members of a tar that is written from front to back."""

import tarfile

END = bytes(2 * tarfile.BLOCKSIZE)


def pack_member(member: tarfile.TarInfo, content: bytes) -> bytes:
    """Return the header, the content and the padding of a member whose content may be another one."""
    member.size = len(content)
    header = member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return header + content + bytes(-len(content) % tarfile.BLOCKSIZE)
