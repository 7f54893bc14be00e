"""The one decoder: display, models and export all see the same pixels.

Pillow reads the allow-listed formats; HEIC needs pi-heif. EXIF orientation is applied, the
first frame or page is taken, alpha is laid over white, deeper samples are scaled to 8 bits.
Colour profiles are not applied: values are taken as sRGB. Pillow is loaded at the first call, so
that importing this module costs nothing.
"""

from __future__ import annotations

import hashlib
import io
import logging
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image as PilImage

#: File name endings that a scan looks at, in lower case.
SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib"),
        *(".gif", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif"),
    }
)
#: Pillow's names of the formats that are decoded, whatever a file is called.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "HEIF")
#: Larger images are refused: a small file can claim a size that fills the memory.
MAX_PIXELS = 300_000_000

# What Pillow calls a format -> what a person calls it.
_COMMON_NAME = {"MPO": "JPEG", "DIB": "BMP", "HEIF": "HEIC"}
# Pillow and pi-heif turn these themselves and report the size after turning.
_TURNED_BY_DECODER = frozenset({"TIFF", "HEIF"})
_ORIENTATION_TAG = 0x0112


class ImageUnreadable(AnnotatorError):
    """The file cannot be shown. ``reason`` says why, in words, without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Probe:
    """Size in pixels as displayed (after EXIF orientation) and format ("JPEG", "PNG", ...).

    ``orientation``: 1 where the stored pixels are upright, else the EXIF value 2..8 that a viewer
    has to apply; 1 where the decoder does that itself (TIFF, HEIC)."""

    width: int
    height: int
    format: str
    orientation: int = field(default=1, compare=False)


def is_image_name(name: str) -> bool:
    """Whether a file of this name is looked at: known ending, and not hidden (".", "._")."""
    base = name.rsplit("/", 1)[-1]
    dot = base.rfind(".")
    return dot > 0 and not base.startswith(".") and base[dot:].lower() in SUFFIXES


def probe(path: Path | str) -> Probe:
    """Size and format from the header alone; the pixels may still turn out to be damaged.

    Raises ImageUnreadable.
    """
    with opened(Path(path)) as image:
        return _probe_of(image, _orientation(image))


def check(path: Path | str) -> Probe:
    """Like ``probe``, but decodes the whole file, so that a damaged one is found now.

    JPEGs are decoded at an eighth of their size: every byte is read, at a fraction of the work.
    Raises ImageUnreadable.
    """
    with opened(Path(path)) as image:
        found = _probe_of(image, _orientation(image))
        # Other formats would take an embedded preview instead, and leave the pixels unread.
        if image.format in ("JPEG", "MPO"):
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        _decode(image)
        return found


def load(path: Path | str) -> NDArray[np.uint8]:
    """Pixels uint8[H, W, 3], RGB, own memory, as a person sees the image.

    Raises ImageUnreadable with a reason in words: not an image, cut off, too large, ...
    """
    import numpy as np

    width, height, data = load_bytes(path)
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def load_bytes(path: Path | str) -> tuple[int, int, bytearray]:
    """``load`` without numpy: width, height, and RGB bytes row after row."""
    with opened(Path(path)) as image:
        orientation = _orientation(image)
        _decode(image)
        upright = _turned(_to_rgb(image), orientation)
        return upright.width, upright.height, bytearray(upright.tobytes())


def thumbnail(path: Path | str, edge: int, quality: int = 85) -> bytes:
    """A JPEG of the image whose longer side is at most ``edge`` pixels; never enlarged.

    Raises ImageUnreadable.
    """
    if edge < 1:
        raise ValueError(f"a thumbnail of {edge} pixels")
    with opened(Path(path)) as image:
        from PIL.Image import Resampling

        orientation = _orientation(image)
        # A JPEG decodes straight to an eighth, quarter or half that is still twice too large.
        image.draft(None, (2 * edge, 2 * edge))
        _decode(image)
        small = _to_rgb(image)
        if max(small.size) > edge:
            small = small.copy() if small is image else small
            small.thumbnail((edge, edge), Resampling.BICUBIC, reducing_gap=2.0)
        out = io.BytesIO()
        _turned(small, orientation).save(out, "JPEG", quality=quality)
        return out.getvalue()


def content_hash(path: Path | str) -> str:
    """BLAKE2b of the file's bytes, 16 bytes in hex. Raises ImageUnreadable."""
    path = Path(path)
    with _reasons(path):
        _require_file(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        return digest.hexdigest()


# --- opening -------------------------------------------------------------------------------

_ready = threading.Lock()
_decoders: dict[str, bool] = {}


def _prepare() -> None:
    """Load the decoders of FORMATS once; say nothing on stderr that belongs to one file."""
    with _ready:
        if _decoders:
            return
        from PIL import (
            AvifImagePlugin,
            BmpImagePlugin,
            GifImagePlugin,
            Image,
            JpegImagePlugin,
            MpoImagePlugin,
            PngImagePlugin,
            TiffImagePlugin,
            WebPImagePlugin,
        )

        plugins = (
            *(AvifImagePlugin, BmpImagePlugin, GifImagePlugin, JpegImagePlugin),
            *(MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin),
        )
        for plugin in plugins:
            logging.getLogger(plugin.__name__).addHandler(logging.NullHandler())
        try:
            import pi_heif
        except ImportError:
            heif = False
        else:
            pi_heif.register_heif_opener(thumbnails=False)
            heif = True
        _quiet_libtiff()
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        # Odd metadata is no reason to refuse an image, nor to write on the terminal.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL(\.|$)")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        _decoders["HEIF"] = heif
        _decoders["AVIF"] = bool(AvifImagePlugin.SUPPORTED)


def _quiet_libtiff() -> None:
    """libtiff prints on the terminal, past Python, what Pillow also raises as an exception."""
    import ctypes

    from PIL import _imaging

    # Where libtiff is linked statically (Windows) it has no such symbol, and stays as it is.
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)


@contextmanager
def opened(path: Path) -> Iterator[PilImage.Image]:
    """The image with its header read and its size accepted; decoder trouble becomes a reason."""
    _prepare()
    from PIL import Image

    with _reasons(path):
        _require_file(path)
        with path.open("rb") as file, Image.open(file, formats=list(FORMATS)) as image:
            width, height = image.size
            if width < 1 or height < 1:
                raise _Refused("damaged: it has no pixels")
            if width * height > MAX_PIXELS:
                raise _Refused(_too_large(f"{width} x {height} pixels"))
            yield image


class _Refused(Exception):
    """A reason that is already in words."""


def _require_file(path: Path) -> None:
    """A pipe or a device would block or never end."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _Refused("a folder, not an image file")
    if not stat.S_ISREG(status.st_mode):
        raise _Refused("not a regular file")
    if status.st_size == 0:
        raise _Refused("the file is empty")


@contextmanager
def _reasons(path: Path) -> Iterator[None]:
    try:
        yield
    except ImageUnreadable:
        raise
    # Decoders raise anything on damaged input: struct.error, IndexError, SyntaxError, ...
    except Exception as error:
        raise ImageUnreadable(path, _in_words(path, error)) from error


def _too_large(size: str) -> str:
    return f"too large: {size}, more than {MAX_PIXELS // 1_000_000} million are refused"


def _in_words(path: Path, error: Exception) -> str:
    said = " ".join(str(error).split())
    kind = type(error).__name__
    if isinstance(error, _Refused):
        return said
    if isinstance(error, FileNotFoundError):
        return "the file is not there"
    if isinstance(error, PermissionError):
        return "no permission to read the file"
    if kind.startswith("DecompressionBomb"):
        return _too_large("it claims a huge number of pixels")
    if kind == "UnidentifiedImageError":
        return _unidentified(path)
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    if "truncated" in said.lower() or isinstance(error, EOFError):
        return "the file is cut off: its end is missing"
    if isinstance(error, OSError) and error.errno is not None:
        return f"the file cannot be read: {error.strerror or said}"
    if said.startswith("decoder error") or "broken data stream" in said:
        return "damaged: its pixels cannot be decoded"
    if said.startswith("Unsupported"):
        return f"a rare kind of file that is not supported: {said[:120]}"
    return f"damaged: {said[:120]}" if said else f"damaged: the decoder stopped ({kind})"


def _unidentified(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(32)
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        if not _decoders["HEIF"]:
            return "HEIC images need the package pi-heif; install it and scan again"
    elif brand in {b"avif", b"avis"} and not _decoders["AVIF"]:
        return "this installation of Pillow cannot read AVIF images"
    known = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    if brand or head.startswith(known) or head[8:12] == b"WEBP":
        return "damaged: its header makes no sense"
    return "not an image of a known format (JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC, AVIF)"


def _decode(image: PilImage.Image) -> None:
    """Decode the pixels. libheif may find another size in them than the header claimed."""
    claimed = image.size
    image.load()
    if image.size != claimed:
        raise _Refused("damaged: the pixels have another size than the header says")


# --- pixels --------------------------------------------------------------------------------


def _probe_of(image: PilImage.Image, orientation: int) -> Probe:
    width, height = image.size
    if orientation >= 5:
        width, height = height, width
    name = image.format or ""
    return Probe(width, height, _COMMON_NAME.get(name, name), orientation)


def _orientation(image: PilImage.Image) -> int:
    """EXIF orientation 1..8 that is still to be applied. Read before the pixels are."""
    from PIL import Image

    if image.format in _TURNED_BY_DECODER:
        return 1
    try:
        # The PNG plugin's own getexif would decode the whole image first.
        value = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    # Damaged EXIF leaves a good image upright; Pillow's parser raises anything.
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(image: PilImage.Image, orientation: int) -> PilImage.Image:
    from PIL.Image import Transpose

    methods = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(methods[orientation]) if orientation in methods else image


def _to_rgb(image: PilImage.Image) -> PilImage.Image:
    """Any Pillow mode as RGB, 8 bits, alpha over white."""
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_to_8_bit(_samples(image))).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _samples(image: PilImage.Image) -> NDArray[Any]:
    import numpy as np

    return np.asarray(image)


def _to_8_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """One channel of deep samples [H, W] as uint8[H, W].

    Whole numbers are taken to have the fewest of 8, 10, 12, 14 or 16 bits that hold the largest
    (cameras and scanners store 12 bits in 16). Fractions in [0, 1] span black to white. Anything
    else, such as elevations, is stretched from its smallest to its largest finite value.
    """
    import numpy as np

    finite = np.isfinite(samples)
    if not finite.all():
        samples = np.where(finite, samples, samples[finite].min() if finite.any() else 0)
    low, high = float(samples.min()), float(samples.max())
    whole = np.issubdtype(samples.dtype, np.integer)
    if whole and low >= 0 and high < 65536:
        bits = next(b for b in (8, 10, 12, 14, 16) if high < 2**b)
        low, high = 0.0, float(2**bits - 1)
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    span = high - low or 1.0
    scaled = (samples.astype(np.float32) - low) * (255.0 / span)
    result: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return result
