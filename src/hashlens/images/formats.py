"""The formats that are read: their suffixes, their signatures, and what decodes them."""

from __future__ import annotations

from importlib.util import find_spec

FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".pjpeg", ".pjp", ".mpo"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".avifs"),
    "TIFF": (".tif", ".tiff", ".btf", ".tf8", ".bigtiff"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf"),
    "ICO": (".ico",),
    "PSD": (".psd",),
    "QOI": (".qoi",),
    "SGI": (".sgi", ".rgb"),
    "DDS": (".dds",),
    "PCX": (".pcx",),
}
"""Formats that every installation reads, with their suffixes. Formats without a signature (anything
would pass for one) and those that start another program (EPS) are left out on purpose."""

PHOTO_FORMATS: dict[str, tuple[str, ...]] = {
    "HEIF": (".heic", ".heif", ".hif", ".heics", ".heifs"),
    "JPEG XL": (".jxl",),
    "camera RAW": (
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".rw2"),
        *(".orf", ".pef", ".srw", ".rwl", ".3fr", ".erf", ".kdc", ".mrw", ".x3f", ".iiq", ".mos"),
        *(".mef", ".dcr"),
    ),
}
"""Formats of phones and cameras, which the extra ``photos`` reads, with their suffixes."""

LARGE_WEBP = "WebP of this size"
"""WebP that takes Pillow too much memory."""

PHOTO_PACKAGES = {
    "HEIF": "pillow_heif",
    "JPEG XL": "imagecodecs",
    "camera RAW": "rawpy",
    LARGE_WEBP: "imagecodecs",
}
"""The package of the extra that decodes each format."""

INSTALL_PHOTOS = "pip install 'hashlens[photos]'"
"""The command that installs what decodes `PHOTO_FORMATS`."""

IN_PROCESS = frozenset({"JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP"})
"""Formats whose memory and time can be bounded by their header; others are decoded in a process of
their own, whose memory and time are limited by the operating system."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\1\0", "ICO"),
    (b"8BPS", "PSD"),
    (b"qoif", "QOI"),
    (b"\x01\xda", "SGI"),
    (b"DDS ", "DDS"),
    (b"FUJIFILMCCD-RAW", "camera RAW"),
    (b"IIRO", "camera RAW"),
    (b"IIRS", "camera RAW"),
    (b"MMOR", "camera RAW"),
    (b"IIU\0", "camera RAW"),
    (b"II\x1a\0\0\0HEAPCCDR", "camera RAW"),
    (b"\0MRM", "camera RAW"),
    (b"FOVb", "camera RAW"),
)
_BRANDS = (
    ((b"avif", b"avis"), "AVIF"),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"),
    ((b"crx ",), "camera RAW"),
)


def format_of(data: bytes) -> str | None:
    """Return the format of a file's content by its first bytes, or None if it is unknown.

    Camera RAW files that are built like TIFF are told apart by `hashlens.images.tiff`.

    Examples
    --------
    >>> format_of(b"GIF89a and more"), format_of(b"plain text")
    ('GIF', None)
    """
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:1] == b"P" and data[1:2] in b"123456fy" and len(data) > 2:
        return "PPM"
    if data[:1] == b"\x0a" and data[1:2] in (b"\0", b"\2", b"\3", b"\5"):
        return "PCX"
    if data[4:8] == b"ftyp":
        return _format_of_brands(data)
    return None


def _format_of_brands(data: bytes) -> str | None:
    """Tell the formats apart that share the container of ISO/IEC 14496-12."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    for known, name in _BRANDS:
        if any(brand in known for brand in brands):
            return name
    return None


def suffixes_of_extra() -> dict[str, str]:
    """Return the suffixes that this installation can't decode, with the command that changes it.

    Returns
    -------
    dict of str to str
        Suffix, in lower case, to the command; empty if the extra ``photos`` is installed.
    """
    return dict.fromkeys(_photo_suffixes(installed=False), INSTALL_PHOTOS)


def _photo_suffixes(installed: bool) -> list[str]:
    return [
        suffix
        for name, suffixes in PHOTO_FORMATS.items()
        if (find_spec(PHOTO_PACKAGES[name]) is not None) == installed
        for suffix in suffixes
    ]


IMAGE_SUFFIXES = frozenset(
    [suffix for suffixes in FORMATS.values() for suffix in suffixes]
    + _photo_suffixes(installed=True)
)
"""Suffixes, in lower case, of the files in a folder that this installation reads as images."""
