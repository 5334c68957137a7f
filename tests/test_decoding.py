"""Bytes in many encodings are read as the text they are, and what was done is said."""

import codecs
import os
import random

import pytest

from lmchat.decoding import decode
from lmchat.errors import BadUseError

JAPANESE = "これは日本語のテキストです。ログを読み込んで、内容を要約してください。\nエラーが発生しました。\n"
CHINESE = "这是一个中文文本。请阅读日志文件并总结内容。\n发生了错误。\n"
TRADITIONAL = "這是一個中文文本。請閱讀日誌文件並總結內容。\n"
KOREAN = "이것은 한국어 텍스트입니다. 로그 파일을 읽고 요약해 주세요.\n"
FRENCH = "Voilà un texte français où l'été, la forêt et le garçon sont déjà évoqués.\n"
GERMAN = "Die Größe der Übung überrascht die schöne Käthe.\n"
RUSSIAN = "Это русский текст. Прочитайте файл журнала и подведите итоги.\n"
LOG = "2026-01-01 ERROR: ファイルが見つかりません\n2026-01-02 INFO: retried\n"

CHANCE = random.Random(1)  # noqa: S311 - the same bytes each time
"""A test has the same name in every process that runs the tests, and its bytes may be part of it."""

TEXTS = [
    *((JAPANESE, encoding) for encoding in ("shift_jis", "euc_jp", "iso2022_jp", "utf-16", "utf-16-le", "utf-16-be")),
    *((LOG, encoding) for encoding in ("shift_jis", "euc_jp", "iso2022_jp", "utf-16", "utf-16-le", "utf-16-be")),
    *((CHINESE, encoding) for encoding in ("gb18030", "gbk", "gb2312", "utf-16", "utf-16-le")),
    (TRADITIONAL, "big5"),
    (KOREAN, "euc_kr"),
    (KOREAN, "iso2022_kr"),
    *((text, encoding) for text in (FRENCH, GERMAN) for encoding in ("latin_1", "cp1252", "utf-16-le", "utf-16-be")),
    *((RUSSIAN, encoding) for encoding in ("cp1251", "koi8_r", "utf-16")),
    ("日本語", "shift_jis"),
    ("日本語", "euc_jp"),
    ("中文测试", "gb18030"),
    ("café", "latin_1"),
    ("naïve café, ça va", "latin_1"),
    ("hello\r\nworld\r\n", "utf-16-le"),
    ("x", "utf-16"),
    ("𠮷野家で食べる😀\n", "utf-16-le"),
    ("ｱｲｳｴｵ ﾃｽﾄ です", "cp932"),
]


@pytest.mark.parametrize(("text", "encoding"), TEXTS)
def test_a_text_in_an_old_encoding_is_read_and_its_encoding_is_said(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding), "notes.txt")
    assert decoded.text == text
    assert decoded.note.startswith("notes.txt was read as ")


@pytest.mark.parametrize(
    "text", ["", "plain\n", JAPANESE, KOREAN, "\x1b[31mred\x1b[0m\n", "é", "a\tb\x0c\n", "\ufffd kept"]
)
def test_utf8_is_read_without_a_word(text: str) -> None:
    assert decode(text.encode(), "notes.txt").text == text
    assert decode(text.encode(), "notes.txt").note == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_mark_decides_and_is_dropped(encoding: str) -> None:
    mark = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    mark |= {"utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE}
    assert decode(mark[encoding] + JAPANESE.encode(encoding), "x").text == JAPANESE


def test_one_bad_byte_in_a_log_replaces_one_character_and_is_said() -> None:
    damaged = (LOG * 50).encode() + b"\xff more\n"
    decoded = decode(damaged, "build.log")
    assert decoded.text == LOG * 50 + "\ufffd more\n"
    assert decoded.note == "build.log: 1 character could not be read as UTF-8 and became \ufffd."


@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xc1", b"\xfe"])
def test_one_bad_byte_among_ascii_is_damage_not_another_encoding(bad: bytes) -> None:
    decoded = decode(b"make: *** [all] Error 1\n" * 9 + bad + b"\n", "build.log")
    assert decoded.text.count("\ufffd") == 1


def test_a_utf8_character_that_is_cut_off_at_the_end_is_replaced() -> None:
    assert decode(JAPANESE.encode()[:-2], "x").text == JAPANESE[:-2] + "\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + CHANCE.randbytes(200),
        b"\x7fELF\x02\x01\x01" + bytes(64),
        b"PK\x03\x04" + CHANCE.randbytes(300),
        b"\0\0\0\0",
        b"a\0b",
        bytes(range(1, 32)) * 8,
        b"\x1f\x8b\x08" + CHANCE.randbytes(2000),
    ],
    ids=["PNG", "ELF", "ZIP", "zeros", "a zero", "controls", "gzip"],
)
def test_what_is_surely_no_text_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(BadUseError, match=r"photo\.png is not text\."):
        decode(data, "photo.png")


def test_the_person_decides_with_an_encoding() -> None:
    assert decode("日本語".encode("euc_jp"), "x", "euc-jp").text == "日本語"
    assert decode(b"caf\xe9", "x", "cp1250").text == "café"
    assert decode("\ufeff日本語".encode("utf-8"), "x", "utf-8").text == "日本語"
    assert decode(b"", "x", "utf-16").text == ""


@pytest.mark.parametrize("encoding", ["klingon", "", "rot13", "hex", "utf-8\0", "\ud800", "a" * 9999])
def test_an_encoding_that_there_is_not_is_refused(encoding: str) -> None:
    with pytest.raises(BadUseError):
        decode(b"text \xff", "x", encoding)


def test_bytes_that_are_not_in_the_named_encoding_are_refused_with_their_place() -> None:
    with pytest.raises(BadUseError, match=r"notes\.txt is not in ascii: byte 4 cannot be read"):
        decode(b"caf\xe9", "notes.txt", "ascii")


def test_random_bytes_are_either_text_or_refused() -> None:
    for size in [*range(1, 200), 5000]:
        data = os.urandom(size)
        try:
            assert isinstance(decode(data, "x").text, str)
        except BadUseError:
            continue
