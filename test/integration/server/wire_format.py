"""Protobuf's wire format, as far as Kubernetes' documents use it."""

from collections import defaultdict


def parse_message(data):
    """Field numbers to their values in order: bytes, or whole numbers."""
    fields = defaultdict(list)
    while data:
        tag, data = _take_varint(data)
        value, data = _take_varint(data)
        if tag & 7 == 2:
            assert value <= len(data), "a field is longer than its message"
            value, data = data[:value], data[value:]
        else:
            assert tag & 7 == 0, f"wire type {tag & 7}"
        fields[tag >> 3].append(value)
    return fields


def _take_varint(data):
    value = 0
    for count, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, data[count + 1:]
    raise AssertionError("a number is cut short")
