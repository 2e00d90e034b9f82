"""Texts as Go's packages write them into messages. Pure."""

from __future__ import annotations


def go_quote(text: str) -> str:
    """Quote a text as Go's %q does; what cannot be printed is escaped."""
    out = []
    short = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char.isprintable():
            out.append(char)
        elif char in short:
            out.append(short[char])
        else:
            code = ord(char)
            if 0xDC80 <= code <= 0xDCFF:  # a byte that belongs to no character
                code -= 0xDC00
                out.append(f"\\x{code:02x}")
                continue
            out.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return f'"{"".join(out)}"'
