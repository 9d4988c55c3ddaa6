"""No page is forgotten where all pages are looked at."""

from bench.tasks import pages
from bench.tasks.survey import SURVEYS


def test_every_page_is_looked_at_or_said_to_be_none() -> None:
    assert pages.routes() == set(pages.PAGES) | pages.NOT_PAGES
    assert not set(pages.PAGES) & pages.NOT_PAGES


def test_each_survey_says_what_it_looks_for() -> None:
    assert [name for name, survey in SURVEYS.items() if not survey.__doc__] == []
