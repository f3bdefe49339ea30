"""What a file is, by its bytes alone; and what is refused by what an event claims."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sniffing import sniff
from handlers.media import claimed
from storage.models import MOST, TAKEN
from storage.models.media import EXCEL, WORD
from tests.bot.media_world import DOCX, JPEG, OGG, PAGE, PNG, office

FTYP = b"\x00\x00\x00\x20ftyp"
KNOWN = [
    (JPEG, "image/jpeg"),
    (PNG, "image/png"),
    (b"GIF89a" + b"\x00" * 20, "image/gif"),
    (b"GIF87a" + b"\x00" * 20, "image/gif"),
    (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
    (FTYP + b"heic\x00\x00\x00\x00mif1heic", "image/heic"),
    (FTYP + b"mif1\x00\x00\x00\x00mif1heic", "image/heic"),
    (FTYP + b"isom\x00\x00\x02\x00isomiso2", "video/mp4"),
    (FTYP + b"mp42\x00\x00\x02\x00", "video/mp4"),
    (FTYP + b"qt  \x00\x00\x02\x00", "video/quicktime"),
    (FTYP + b"M4A \x00\x00\x02\x00", "audio/mp4"),
    (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\x82\x84webm", "video/webm"),
    (OGG, "audio/ogg"),
    (b"OggS\x00\x02" + b"\x00" * 22 + b"Speex   1.2", "audio/ogg"),
    (b"OggS\x00\x02" + b"\x00" * 22 + b"\x01vorbis", "audio/ogg"),
    (b"#!AMR\n\x3c", "audio/amr"),
    (b"#!AMR-WB\n\x3c", "audio/amr"),
    (b"ID3\x04\x00", "audio/mpeg"),
    (b"\xff\xfb\x90\x64" + b"\x00" * 40, "audio/mpeg"),
    (b"\xff\xf3\x40\xc4" + b"\x00" * 40, "audio/mpeg"),
    (b"%PDF-1.7\n", "application/pdf"),
    (DOCX, WORD),
    (office("[Content_Types].xml", "xl/workbook.xml"), EXCEL),
]  # fmt: skip
STRANGE = [
    b"",
    b"\xff",
    PAGE,
    b"  \n" + PAGE,
    b"\xef\xbb\xbf" + PAGE,
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
    b"<?xml version='1.0'?><svg/>",
    b"#!/bin/sh\nrm -rf /",
    b"#!AMR; rm -rf /",
    b"#!/usr/bin/env python",
    b"MZ\x90\x00\x03",
    b"\x7fELF\x02\x01",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"dex\n035",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b\x08",
    b"PK\x03\x04 not a zip at all",
    b"PK\x05\x06" + b"\x00" * 18,
    office("a.exe"),
    office("index.html"),
    office("word/document.xml"),  # no list of what its parts are
    office("[Content_Types].xml", "AndroidManifest.xml", "classes.dex"),
    office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # an old .doc may hold macros
    b"BM\x00\x00",
    b"II*\x00",
    b"RIFF\x10\x00\x00\x00AVI ",
    FTYP + b"avif\x00\x00\x00\x00",
    b"OggS\x00\x02" + b"\x00" * 22 + b"\x80theora",
    b"\x1aE\xdf\xa3\x9fB\x82\x88matroska",
    b"\xff\xf1\x50\x80" + b"\x00" * 40,
    b"\xff\xff\xff\xff" * 10,
    "一段文字".encode(),
    "一段文字".encode("utf-16"),
    b'{"errcode":40007,"errmsg":"invalid media_id"}',
    b"GIF88a",
    b"\x89PNG\n",
]


@pytest.mark.parametrize(("content", "mime"), KNOWN, ids=lambda v: v if isinstance(v, str) else "")
def test_what_we_know(tmp_path: Path, content: bytes, mime: str) -> None:
    path = tmp_path / "page.html"  # its name says nothing
    path.write_bytes(content)
    assert sniff(path) == mime
    assert any(mime in taken for taken in TAKEN.values())


@pytest.mark.parametrize("content", STRANGE, ids=lambda v: repr(v[:14]))
def test_what_we_do_not(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert sniff(path) is None


@given(st.binary(max_size=200))
def test_anything_has_an_answer(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(b"PK\x03\x04" + content)
    assert sniff(path) is None
    path.write_bytes(content)
    assert sniff(path) is None or any(sniff(path) in taken for taken in TAKEN.values())


def test_a_page_is_nothing_wherever_it_hides() -> None:
    for taken in TAKEN.values():
        assert not any("html" in m or "svg" in m or m.endswith("/zip") for m in taken)


MB = 2**20


@pytest.mark.parametrize(
    ("kind", "extra", "why"),
    [
        ("photo", {}, None),
        ("photo", {"size": 10 * MB, "mime": "image/jpeg"}, None),
        ("photo", {"size": 10 * MB + 1, "mime": "image/jpeg"}, "large"),
        ("voice", {"size": 5 * MB}, None),
        ("voice", {"size": 5 * MB + 1}, "large"),
        ("video", {"size": 20 * MB}, None),
        ("video", {"size": 20 * MB + 1}, "large"),
        ("file", {"size": 10 * MB, "file_name": "合同.pdf"}, None),
        ("file", {"size": str(10 * MB + 1)}, "large"),
        ("file", {"size": "很大", "file_name": "合同.pdf"}, None),
        ("file", {"size": -1}, None),
        ("file", {"size": 99 * MB, "file_name": "a.exe"}, "large"),
        ("file", {"file_name": "合同.DOCX", "mime": WORD}, None),
        ("file", {"file_name": "名单.xlsx"}, None),
        ("file", {"file_name": "IMG_0001.HEIC"}, None),
        ("file", {"file_name": "光盘.exe"}, "kind"),
        ("file", {"file_name": "photo.jpg.exe", "mime": "image/jpeg"}, "kind"),
        ("file", {"file_name": "a.html"}, "kind"),
        ("file", {"file_name": "a.svg", "mime": "image/svg+xml"}, "kind"),
        ("file", {"file_name": "a.zip"}, "kind"),
        ("file", {"file_name": "a.apk"}, "kind"),
        ("file", {"file_name": "a.doc"}, "kind"),
        ("file", {"file_name": "2026.11.23 会议记录", "mime": "application/pdf"}, None),
        ("file", {"mime": "text/html"}, "kind"),
        ("file", {"mime": "application/x-executable"}, "kind"),
        ("file", {"mime": "application/zip"}, "kind"),
        ("file", {"mime": WORD}, None),
        ("file", {"mime": "application/octet-stream"}, None),
        ("photo", {"mime": "image/svg+xml"}, "kind"),
        ("video", {"file_name": "a.mkv"}, "kind"),
        ("video", {"file_name": "IMG.MOV", "mime": "video/quicktime"}, None),
        ("voice", {"file_name": "录音.m4a", "mime": "audio/x-m4a"}, None),
        ("voice", {"mime": "audio/amr"}, None),
    ],
)  # fmt: skip
def test_what_an_event_claims(kind: str, extra: dict[str, object], why: str | None) -> None:
    assert claimed(kind, extra) == why


CLAIMS = st.one_of(
    st.none(), st.text(max_size=12), st.integers(), st.sampled_from(["9" * 9999, [1], {}, 1.5])
)


@given(
    st.sampled_from(sorted(MOST)),
    st.fixed_dictionaries(dict.fromkeys(("size", "mime", "file_name"), CLAIMS)),
)
def test_no_claim_breaks_it(kind: str, extra: dict[str, object]) -> None:
    assert claimed(kind, extra) in (None, "large", "kind")
