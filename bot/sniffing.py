"""What a file is by its first bytes. What somebody claims it is, is never believed.

Whatever is not in the table is nothing we know: pages, drawings with scripts, programs, archives.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from storage.models.media import EXCEL, WORD

HEAD = 64  # bytes that are looked at
PARTS = 10_000  # files inside a document; more is no letter
BEGINS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr"),
    (b"ID3", "audio/mpeg"),
)
RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
SOUND = (b"OpusHead", b"\x01vorbis", b"Speex   ")  # in an Ogg's first page
BRANDS = {  # of ISO media, ISO/IEC 14496-12; others are films
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1"), "image/heic"),
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    b"qt  ": "video/quicktime",
    **dict.fromkeys(
        (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"),
        "video/mp4",
    ),
}
OFFICE = {"word/document.xml": WORD, "xl/workbook.xml": EXCEL}
MACROS = "vbaProject.bin"


def sniff(path: Path) -> str | None:
    """The type of a file, as "image/jpeg"; None for what we do not know. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    for begin, mime in BEGINS:
        if head.startswith(begin):
            return mime
    if head.startswith(b"RIFF"):
        return RIFF.get(head[8:12])
    if head.startswith(b"OggS"):
        return "audio/ogg" if any(sound in head for sound in SOUND) else None
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12])
    if head.startswith(b"\x1aE\xdf\xa3"):  # EBML: WebM says so, other Matroska is not played
        return "video/webm" if b"webm" in head else None
    if head.startswith(b"PK\x03\x04"):
        return _office(path)
    return "audio/mpeg" if _is_mpeg_audio(head) else None


def _is_mpeg_audio(head: bytes) -> bool:
    """An MPEG frame header of layer III, ISO/IEC 11172-3: eleven bits set, then what it may say."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, pitch = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and rate not in (0, 15) and pitch != 3


def _office(path: Path) -> str | None:
    """A letter or a table is a zip; its list of contents tells, and nothing is unpacked."""
    try:
        with zipfile.ZipFile(path) as parts:
            names = parts.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        return None
    if len(names) > PARTS or "[Content_Types].xml" not in names:
        return None
    if any(name.endswith(MACROS) for name in names):
        return None
    return next((mime for part, mime in OFFICE.items() if part in names), None)
