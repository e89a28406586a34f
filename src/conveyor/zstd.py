"""zstd from where this Python has it, with a bound on what a payload may unfold to."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from conveyor.envelope import damaged
from conveyor.errors import ConfigError, PayloadError


def compression() -> tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]:
    """Compress, and decompress up to a limit in bytes: from the standard library since 3.14, before from zstandard.

    Raises:
        ConfigError: neither is there. What comes back raises PayloadError for a damaged frame, or one above the limit.
    """
    try:
        return _zstd_of_python() if sys.version_info >= (3, 14) else _zstd_of_zstandard()
    except ImportError as error:
        raise ConfigError(
            "Compressed needs zstd: Python 3.14 has it, unless it was built without; "
            "before, install zstandard with `pip install conveyor[zstd]`"
        ) from error


# Both write the content's size into the frame, and take no frame without it: so a bomb is refused before it goes off.


def _zstd_of_python() -> tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]:
    zstd: Any = importlib.import_module("compression.zstd")

    def compress(plain: bytes) -> bytes:
        packed: bytes = zstd.compress(plain, options={zstd.CompressionParameter.checksum_flag: 1})
        return packed

    def decompress(packed: bytes, limit: int) -> bytes:
        try:
            _check_size(zstd.get_frame_info(packed).decompressed_size, limit)
            reader = zstd.ZstdDecompressor()
            plain: bytes = reader.decompress(packed, max_length=limit + 1)
        except zstd.ZstdError:
            damaged()
        if not reader.eof or reader.unused_data:
            damaged()
        return plain

    return compress, decompress


def _zstd_of_zstandard() -> tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]:
    import zstandard

    # A compressor may not be used by two threads at once, so each call makes its own.
    def compress(plain: bytes) -> bytes:
        return zstandard.ZstdCompressor(write_checksum=True).compress(plain)

    def decompress(packed: bytes, limit: int) -> bytes:
        try:
            _check_size(zstandard.frame_content_size(packed), limit)
            return zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
        except zstandard.ZstdError:
            damaged()

    return compress, decompress


def _check_size(size: int | None, limit: int) -> None:
    if size is None or size < 0:
        damaged()
    if size > limit:
        raise PayloadError(
            f"the payload unfolds to {size:,} bytes, and Compressed(limit=) lets it have {limit:,}; "
            "raise the limit, or find out who wrote it"
        )
