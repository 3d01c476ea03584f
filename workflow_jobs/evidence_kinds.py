"""Which files people may add to a case: kinds, size, names. Pure: where they are kept is ``evidence``."""

from __future__ import annotations

from typing import Final

LARGEST_FILE: Final = 10 * 1024 * 1024
_PACKED = b"PK\x03\x04"
# Endings that are taken, with their media type and the bytes that such a file begins with (none: text).
KINDS: Final[dict[str, tuple[str, tuple[bytes, ...]]]] = {
    "pdf": ("application/pdf", (b"%PDF-",)),
    "png": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    "jpg": ("image/jpeg", (b"\xff\xd8\xff",)),
    "jpeg": ("image/jpeg", (b"\xff\xd8\xff",)),
    "gif": ("image/gif", (b"GIF87a", b"GIF89a")),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", (_PACKED,)),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", (_PACKED,)),
    "pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation", (_PACKED,)),
    "csv": ("text/csv", ()),
    "txt": ("text/plain", ()),
}
_ENCODINGS: Final = ("utf-8", "gb18030")


class EvidenceRefused(ValueError):
    """A file that is not taken in; the sentence names it and says why. `str()` of it is English."""

    def __init__(self, sentence: str, chinese: str) -> None:
        super().__init__(sentence)
        self.chinese = chinese

    def said(self, language: str) -> str:
        """The sentence in `zh`, else in English."""
        return self.chinese if language.startswith("zh") else str(self)


def looked_at(name: str, size: int) -> None:
    """Whether a file of this name and size may be taken in, before its content is known. Raises EvidenceRefused."""
    if _ending(name) not in KINDS:
        raise EvidenceRefused(
            f"{name} is of a kind that is not taken; these are: {', '.join(KINDS)}.",
            f"不接收 {name} 这类文件，可接收：{'、'.join(KINDS)}。",
        )
    if size < 1:
        raise EvidenceRefused(f"{name} is empty.", f"{name} 是空文件。")
    if size > LARGEST_FILE:
        has, most = f"{size / 2**20:.1f} MB", f"{LARGEST_FILE // 2**20} MB"
        raise EvidenceRefused(f"{name} has {has}; at most {most} are taken.", f"{name} 大小为 {has}，最多接收 {most}。")


def media_type_of(name: str, content: bytes) -> str:
    """Media type of a file that is taken in. Raises EvidenceRefused where its content is not what its ending says."""
    looked_at(name, len(content))
    media_type, beginnings = KINDS[_ending(name)]
    if not (any(content.startswith(one) for one in beginnings) if beginnings else _is_text(content)):
        raise EvidenceRefused(f"{name} is not what its ending says.", f"{name} 的内容与扩展名不符。")
    return media_type


def clean_name(name: str) -> str:
    """The name without folders and characters that no file name needs; its ending is kept."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip() or "file"
    stem, dot, ending = shown.rpartition(".")
    return f"{stem[:200]}{dot}{ending[:20]}" if dot else shown[:200]


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _is_text(content: bytes) -> bool:
    if b"\x00" in content:
        return False
    for encoding in _ENCODINGS:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False
