"""The BTF kinds as plain classes; ids are positions in `Btf.types` (0 is void).

Source: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of the kernel.
"""

from __future__ import annotations

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF = 1, 2, 3, 4, 5, 6, 7, 8
VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC = 9, 10, 11, 12, 13, 14, 15
FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = 16, 17, 18, 19

KIND_NAMES = (
    "UNKN", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD", "TYPEDEF", "VOLATILE",
    "CONST", "RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT", "DECL_TAG", "TYPE_TAG",
    "ENUM64",
)  # fmt: skip

# Encoding bits of an INT.
SIGNED, CHAR, BOOL = 1, 2, 4

# Linkage of a FUNC or VAR.
STATIC, GLOBAL, EXTERN = 0, 1, 2

# Kinds whose `type` is another type's id.
REFERRING = frozenset((PTR, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DECL_TAG, TYPE_TAG))
MODIFIERS = frozenset((TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG))


class Type:
    """One type of any kind; which attributes mean something depends on ``kind``.

    ======================== =====================================================================
    kind                     attributes
    ======================== =====================================================================
    INT                      name, size, encoding, bits, bit_offset
    PTR, modifiers, TYPEDEF  name (TYPEDEF, TYPE_TAG), type
    ARRAY                    type (element), index_type, count
    STRUCT, UNION            name, size, members (list of Member), flag (bit fields are encoded)
    ENUM, ENUM64             name, size, values (list of (name, int)), flag (signed)
    FWD                      name, flag (a union)
    FUNC                     name, type (its FUNC_PROTO), linkage
    FUNC_PROTO               type (result), parameters (list of (name, type id))
    VAR                      name, type, linkage
    DATASEC                  name, size, variables (list of (VAR id, offset, size))
    FLOAT                    name, size
    DECL_TAG                 name, type, component (-1: the declaration itself)
    ======================== =====================================================================

    Sizes and offsets are in bytes, bit counts and bit offsets in bits. ``place`` is where the type
    begins in the section it was read from.
    """

    __slots__ = (
        "bit_offset", "bits", "component", "count", "encoding", "flag", "index_type", "kind",
        "linkage", "members", "name", "parameters", "place", "size", "type", "values", "variables",
    )  # fmt: skip

    def __init__(self, kind: int, name: str = "", *, type: int = 0, size: int = 0) -> None:
        self.kind = kind
        self.name = name
        self.type = type
        self.size = size
        self.flag = False
        self.encoding = self.bits = self.bit_offset = 0
        self.index_type = self.count = 0
        self.linkage = 0
        self.place = 0
        self.component = -1
        self.members: list[Member] = []
        self.values: list[tuple[str, int]] = []
        self.parameters: list[tuple[str, int]] = []
        self.variables: list[tuple[int, int, int]] = []

    def __repr__(self) -> str:
        return f"<{KIND_NAMES[self.kind]} '{self.name}'>"


class Member:
    """A member of a struct or union: ``bit_offset`` from its start, ``bits`` 0 unless a bit field."""

    __slots__ = ("bit_offset", "bits", "name", "type")

    def __init__(self, name: str, type: int, bit_offset: int, bits: int = 0) -> None:
        self.name = name
        self.type = type
        self.bit_offset = bit_offset
        self.bits = bits

    def __repr__(self) -> str:
        return f"Member({self.name!r}, {self.type}, {self.bit_offset}, {self.bits})"
