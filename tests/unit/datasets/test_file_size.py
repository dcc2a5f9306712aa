"""The limit on the size of a file holds for labeled data as for collections."""

import numpy as np
import pytest

from hashlens.datasets.dataset import ImageFiles
from hashlens.errors import ImageError
from hashlens.images import image_file


def test_a_giant_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(image_file, "MAX_FILE_BYTES", 10)
    path = tmp_path / "giant.png"
    path.write_bytes(bytes(11))
    with pytest.raises(ImageError, match="11 bytes, the limit is 10 bytes"):
        ImageFiles([path], np.array([0])).read(0)
