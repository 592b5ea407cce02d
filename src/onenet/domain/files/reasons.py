"""Why a file is refused: a stable code for programs, words in both languages for people."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.errors import DocumentRefused, Fault

REASONS: Mapping[str, tuple[str, str]] = {
    "empty": ("文件是空的", "The file is empty"),
    "too_large": ("文件超过 20 MB", "The file is larger than 20 MB"),
    "unknown_kind": ("只接受 PDF、JPEG、PNG 和 OFD", "Only PDF, JPEG, PNG and OFD are taken"),
    "markup": ("不接受 SVG、HTML 等标记文件", "Markup such as SVG and HTML is not taken"),
    "type_mismatch": ("Content-Type 与文件内容不符", "The Content-Type is not what the file is"),
    "extension_mismatch": ("文件扩展名与内容不符", "The file's extension is not what the file is"),
    "polyglot": ("文件同时是另一种文件", "The file is a file of another kind as well"),
    "malformed": ("文件结构有误或不完整", "The file is damaged or cut short"),
    "too_complex": ("文件结构过于复杂", "The file has more parts than any honest one"),
    "too_many_pixels": ("图像超过 4000 万像素", "The image has more than 40 million pixels"),
    "unsupported_image": ("不支持此种图像编码", "The image is coded in a way that is not taken"),
    "zip_entries": ("压缩包内文件超过 1000 个", "The archive has more than 1,000 entries"),
    "zip_size": ("压缩包展开后超过 200 MB", "The archive unpacks to more than 200 MB"),
    "zip_ratio": ("压缩包的压缩比超过 100", "The archive unpacks to more than 100 times its size"),
    "zip_encrypted": ("压缩包已加密", "The archive is encrypted"),
    "zip_method": ("压缩包使用了不接受的压缩方法", "The archive is packed by a method that is not taken"),
    "zip_name": ("压缩包内有不安全的文件名", "The archive has an unsafe or repeated name in it"),
    "zip_link": ("压缩包内有链接或特殊文件", "The archive has a link or a special file in it"),
    "zip_overlap": ("压缩包内的文件相互重叠", "Entries of the archive share bytes"),
    "zip_hidden": ("压缩包内有未列出的数据", "The archive has data that it does not list"),
    "zip_lies": ("压缩包内文件与其声明不符", "An entry of the archive is not what it is declared to be"),
    "zip_nested": ("压缩包内还有压缩包", "The archive has another archive in it"),
    "not_ofd": ("压缩包不是 OFD 文件", "The archive is no OFD document"),
    "active_content": (
        "文件含脚本、可执行内容或嵌入文件",
        "The file holds scripts, programs or embedded files",
    ),
    "encrypted": ("文件已加密，无法检查", "The file is encrypted and cannot be looked into"),
}


def refused(code: str) -> DocumentRefused:
    """The error for this reason."""
    zh, en = REASONS[code]
    return DocumentRefused(code, faults=(Fault(code, zh, en, pointer=""),))
