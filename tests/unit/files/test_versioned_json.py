import json

import pytest

from hashlens.files.versioned_json import write_json


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "row.json"
    write_json(path, {"precision_at_5": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"precision_at_5": float("nan")})
    assert json.loads(path.read_text()) == {"precision_at_5": 0.5}
    assert list(tmp_path.iterdir()) == [path]
