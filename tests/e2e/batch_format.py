# SPDX-License-Identifier: Apache-2.0
"""A reader of the batch format, written after docs/batch-format.md alone: is the page enough?

Slow and plain.  The two hard parts, LZ4 blocks and XXH3, are those of the system's libraries.
"""
import base64
import ctypes
import ctypes.util
import datetime
import json
import struct

EXTRAS = GAP, TIME, NANOS, SPAN, FLAGS, STREAM = 1, 2, 4, 8, 16, 32
DOCUMENT = 64
STREAMS = {1: "stdout", 2: "stderr"}
FLAG_NAMES = {1: "truncated", 2: "multiline"}
BOUND = 8 << 20

lz4 = ctypes.CDLL("liblz4.so.1")
xxh = ctypes.CDLL("libxxhash.so.0")


class Hash(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


xxh.XXH3_128bits.restype = Hash
xxh.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
for name in "LZ4F_decompress", "LZ4F_createDecompressionContext":
    getattr(lz4, name).restype = ctypes.c_size_t


def decompress(frame):
    flags, = struct.unpack_from("B", frame, 4)
    if frame[:4] != b"\x04\x22\x4d\x18" or not flags & 8 or not flags & 4 or flags & 1:
        raise ValueError("not an LZ4 frame with content size and checksum and without a dictionary")
    size, = struct.unpack_from("<Q", frame, 6)
    if size > BOUND:
        raise ValueError(f"{size} bytes of content")
    context = ctypes.c_void_p()
    lz4.LZ4F_createDecompressionContext(ctypes.byref(context), 100)
    out, put, took = ctypes.create_string_buffer(size), ctypes.c_size_t(size), ctypes.c_size_t(len(frame))
    left = lz4.LZ4F_decompress(context, out, ctypes.byref(put), frame, ctypes.byref(took), None)
    lz4.LZ4F_freeDecompressionContext(context)
    if left != 0 or put.value != size or took.value != len(frame):
        raise ValueError("a damaged frame, or something behind it")
    return out.raw


class Table:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)


def line_id(file_id, offset, span):
    text = b"L" + file_id + struct.pack("<Q", offset) if span is None else b"S" + file_id + struct.pack("<QQ", offset, span)
    hashed = xxh.XXH3_128bits(text, len(text))
    return "s1." + base64.urlsafe_b64encode(struct.pack(">QQ", hashed.high, hashed.low)).decode().rstrip("=")


def time_text(ms, nanos):
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    below = "" if nanos is None else f"{nanos:06d}"
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}{below}Z"


def documents(value):
    """The document of each line of a record's value, as text."""
    content = decompress(value)
    magic, version, scheme, lines, before, after, text, table, ms, offset = struct.unpack_from("<3sBB3xIIIII4xqQ", content)
    file_id = content[48:64]
    if (magic, version, scheme) != (b"SLB", 1, 1) or 64 + before + after + text + table != len(content):
        raise ValueError("not the batch format, version 1")
    at = 64
    parts = []
    for length in before, after, text, table:
        parts.append(content[at:at + length])
        at += length
    before, after, text, table = parts[0].decode(), parts[1].decode(), parts[2], Table(parts[3])
    at, end, gap = 0, offset - 1, 1
    for _ in range(lines):
        length = table.varint()
        extras = table.byte() if length & 1 else 0
        line, at = text[at:at + (length >> 1)], at + (length >> 1)
        if extras == DOCUMENT:
            yield line.decode()
            continue
        found = {}
        for extra in EXTRAS:
            if extras & extra:
                found[extra] = table.zigzag() if extra in (GAP, TIME) else table.varint()
        gap = found.get(GAP, gap)
        ms += found.get(TIME, 0)
        offset = (end + gap) % 2**64
        end = offset + len(line)
        flags = [name for bit, name in FLAG_NAMES.items() if found.get(FLAGS, 0) & bit]
        document = (f'{{"@timestamp":"{time_text(ms, found.get(NANOS))}","event":{{"id":"{line_id(file_id, offset, found.get(SPAN))}"}},'
                    f'"message":{json.dumps(line.decode(errors="replace"), ensure_ascii=False)}{before[1:]}{offset}')
        document += ',"flags":' + json.dumps(flags, separators=(",", ":")) if flags else ""
        stream = f',"stream":"{STREAMS[found[STREAM]]}"' if STREAM in found else ""
        yield document + after[:-1] + stream + after[-1]
    if at != len(text) or table.at != len(table.data):
        raise ValueError("a table that does not fit its text")
