"""Image files: finding, reading and decoding them safely."""

from hashlens.images.decode import decode_image
from hashlens.images.exclusions import DEFAULT_PATTERNS, Exclusions
from hashlens.images.file_state import FileState
from hashlens.images.fit import Fit, fit_pixels
from hashlens.images.formats import IMAGE_SUFFIXES, suffixes_of_extra
from hashlens.images.image_file import ImageFile, read_image_file
from hashlens.images.passed_over import PassedOver
from hashlens.images.pipeline import Batch, decode_batches, map_ordered
from hashlens.images.reader_versions import reader_versions
from hashlens.images.sources import ImageSource, name_of, pixels_of
from hashlens.images.walk import walk_images

__all__ = [
    "DEFAULT_PATTERNS",
    "IMAGE_SUFFIXES",
    "Batch",
    "Exclusions",
    "FileState",
    "Fit",
    "ImageFile",
    "ImageSource",
    "PassedOver",
    "decode_batches",
    "decode_image",
    "fit_pixels",
    "map_ordered",
    "name_of",
    "pixels_of",
    "read_image_file",
    "reader_versions",
    "suffixes_of_extra",
    "walk_images",
]
