"""Which pages are whose: role by page, written out a second time. Who has no right is refused and led nowhere."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.rights import Role

EXPECTED = """
                   viewer  editor  approver  operator  administrator
/inbox             -       -       yes       -         -
/feedback          -       yes     yes       yes       yes
/retention         -       -       yes       yes       yes
/retention/new     -       -       -         -         yes
/deputies          -       -       yes       -         yes
/people            -       -       -         -         yes
/people/invite     -       -       -         -         yes
/people/new        -       -       -         -         yes
/audit             -       -       yes       yes       yes
/notices/log       -       -       -         -         yes
/groups/new        -       -       -         -         yes
/receivers/new     -       -       -         -         yes
/broadcasts/new    -       yes     -         yes       -
/bulletins/new     -       yes     -         yes       -
/playlists/new     -       yes     -         yes       -
/relays/new        -       yes     -         yes       -
/emergency         -       yes     yes       yes       yes
/drills            -       -       yes       yes       -
/                  yes     yes     yes       yes       yes
/broadcasts        yes     yes     yes       yes       yes
/announcements     yes     yes     yes       yes       yes
/receivers         yes     yes     yes       yes       yes
/live              yes     yes     yes       yes       yes
/reports           yes     yes     yes       yes       yes
/notices           yes     yes     yes       yes       yes
"""
LISTS = {
    "/inbox": "/inbox", "/feedback": "/feedback", "/retention": "/retention/rules", "/people": "/users",
    "/audit": "/audit", "/notices/log": "/notices",
}  # fmt: skip
MENU = re.compile(r'<nav[^>]*>.*?</nav>|<details class="menu.*?</details>', re.DOTALL)


def rows() -> dict[str, list[str]]:
    lines = EXPECTED.strip().splitlines()[1:]
    return {line.split()[0]: line.split()[1:] for line in lines}


@pytest.mark.parametrize("role", Role)
def test_a_page_is_for_who_has_the_right_to_it_and_the_menu_leads_nowhere_else(
    browser: Callable[[str], TestClient], *, add_person: Callable[..., Any], places: Any, message_bank: None, role: Role
) -> None:
    add_person("who", places.province, role)
    client = browser("who")
    column = EXPECTED.split("\n")[1].split().index(role.value)
    got = {path: client.get(path, follow_redirects=False).status_code for path in rows()}
    assert got == {path: 200 if row[column] == "yes" else 403 for path, row in rows().items()}
    listed = {path: client.get(f"/api/v1{found}").status_code for path, found in LISTS.items()}
    assert listed == {path: got[path] for path in LISTS}
    led = set(re.findall(r'href="(/[^"?#]*)', "".join(MENU.findall(client.get("/").text))))
    assert {path for path in led & got.keys() if got[path] != 200} == set()
    assert {path for path in ("/inbox", "/feedback", "/retention") if got[path] == 200} <= led
