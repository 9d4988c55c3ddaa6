"""No page is forgotten where all pages are looked at."""

from bench.tasks import pages


def test_every_page_is_looked_at_or_said_to_be_none() -> None:
    assert pages.routes() == set(pages.PAGES) | pages.NOT_PAGES
    assert not set(pages.PAGES) & pages.NOT_PAGES
