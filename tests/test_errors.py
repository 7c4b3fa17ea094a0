from pathlib import Path

from vmatte_pl.errors import DataError, VmatteError


def test_an_error_says_what_where_and_what_to_do_in_one_line() -> None:
    error = DataError(expected="a", found="b", where=Path("c/d"), remedy="do e")
    assert str(error) == "expected a, found b in c/d; do e"
    assert isinstance(error, VmatteError)
