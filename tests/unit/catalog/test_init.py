"""The names that the catalog exports."""

from pekanu import catalog


def test_all__when_imported__then_is_sorted_by_kind_and_complete() -> None:
    assert all(hasattr(catalog, name) for name in catalog.__all__)
    assert len(set(catalog.__all__)) == len(catalog.__all__)
    assert {"get", "names", "find", "verify", "parse_policy", "Function"} <= set(catalog.__all__)
