"""The structures the Zig library reads, as zig/src/associations.zig declares them.

Each begins with its size, which the library compares with its own: a library of another layout
refuses the call.
"""

from __future__ import annotations

import ctypes
from typing import ClassVar

LEVELS_MAX = 256
"""Levels of one call, the seeds' among them: hops are uint8."""


class GraphLayout(ctypes.Structure):
    """`Graph`."""

    _fields_: ClassVar = [
        ("bytes", ctypes.c_size_t),
        ("nodes_count", ctypes.c_size_t),
        ("edges_count", ctypes.c_size_t),
        ("offsets", ctypes.c_void_p),
        ("edges", ctypes.c_void_p),
        ("kinds", ctypes.c_void_p),
        ("fresh_bits", ctypes.c_void_p),
        ("fresh_sources", ctypes.c_void_p),
        ("fresh_sources_count", ctypes.c_size_t),
        ("fresh_offsets", ctypes.c_void_p),
        ("fresh_edges", ctypes.c_void_p),
        ("fresh_kinds", ctypes.c_void_p),
    ]


class ParametersLayout(ctypes.Structure):
    """`Parameters`."""

    _fields_: ClassVar = [
        ("bytes", ctypes.c_size_t),
        ("edge_budget", ctypes.c_size_t),
        ("hop_factors", ctypes.c_void_p),
        ("kind_weights", ctypes.c_void_p),
        ("depth", ctypes.c_uint32),
        ("threshold", ctypes.c_float),
        ("cycle_damping", ctypes.c_float),
        ("kind_weight_max", ctypes.c_float),
        ("is_uniform", ctypes.c_uint32),
    ]


class ScratchLayout(ctypes.Structure):
    """`Scratch`."""

    _fields_: ClassVar = [
        ("bytes", ctypes.c_size_t),
        ("nodes_count", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("slots", ctypes.c_void_p),
        ("records", ctypes.c_void_p),
        ("sources", ctypes.c_void_p),
        ("revisited", ctypes.c_void_p),
        ("reached_count", ctypes.c_size_t),
        ("edges_touched", ctypes.c_size_t),
        ("is_partial", ctypes.c_uint32),
        ("levels_count", ctypes.c_uint32),
        ("call", ctypes.c_uint32),
        ("level_ends", ctypes.c_uint32 * LEVELS_MAX),
    ]


RECORD_BYTES = 16
SOURCE_BYTES = 8
