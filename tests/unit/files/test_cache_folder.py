"""Where things are kept that the user does not name."""

from hashlens.files.cache_folder import cache_folder


def test_the_cache_is_the_folder_given_else_the_environments_else_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HASHLENS_CACHE", str(tmp_path / "named"))
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    assert cache_folder(None) == tmp_path / "named"
    monkeypatch.setenv("HASHLENS_CACHE", "")
    assert cache_folder(None).parts[-2:] == ("hashlens", "descriptors")
