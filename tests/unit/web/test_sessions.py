"""Launch tokens and cookies."""

from __future__ import annotations

from pathlib import Path

from pekanu.web.sessions import SessionStore, derive_csrf


def test_redeem__of_a_token__then_it_works_once() -> None:
    store = SessionStore()
    token = store.make_token()
    cookie = store.redeem(token)
    assert cookie is not None
    assert store.find(cookie) is not None
    assert store.redeem(token) is None


def test_redeem__of_what_was_never_given__then_nothing_opens() -> None:
    store = SessionStore()
    store.make_token()
    for token in ("", "x", "é" * 43):
        assert store.redeem(token) is None


def test_find__after_a_restart__then_the_cookie_holds_and_the_file_opens_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "site" / "sessions.json"
    cookie = SessionStore(path=path).open()
    again = SessionStore(path=path)
    found = again.find(cookie)
    assert found is not None
    assert found.csrf == derive_csrf(cookie)
    text = path.read_text()
    assert cookie not in text
    assert found.csrf not in text
    assert path.stat().st_mode & 0o077 == 0
    assert again.find(text.strip('[]"')) is None


def test_find__with_a_broken_file__then_nobody_is_known(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text("{")
    assert SessionStore(path=path).find("anything") is None


def test_open__too_often__then_the_oldest_is_forgotten() -> None:
    store = SessionStore()
    cookies = [store.open() for _ in range(65)]
    assert store.find(cookies[0]) is None
    assert store.find(cookies[1]) is not None
    store.end(cookies[1])
    assert store.find(cookies[1]) is None
