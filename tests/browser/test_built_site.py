"""The site in a browser without a network: it searches, plays, and fits a phone."""

import pytest

from minigpt.atomic import write_folder
from minigpt.course.editions import EDITIONS
from minigpt.course.lessons import LESSONS
from minigpt.course.site import make_site

PAGES = "index", "02_attention", "04_training", "glossary", "search", "source-model.py"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    write_folder(folder, make_site(LESSONS))
    return folder


@pytest.fixture
def page(browser):
    """A page from `file://` without a network; whatever it complains of is an error."""
    context = browser.new_context(offline=True)
    opened, problems = context.new_page(), []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("requestfailed", lambda request: problems.append(request.url))
    yield opened
    context.close()
    assert problems == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(page, site, name, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for image in page.locator("main img").all():
        image.scroll_into_view_if_needed()
        image.evaluate("image => image.decode()")


def test_light_and_dark(page, site):
    seen = set()
    for scheme in "light", "dark":
        page.emulate_media(color_scheme=scheme)
        page.goto((site / "02_attention.html").as_uri())
        colours = (
            "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
        )
        seen.add(tuple(page.locator("body").evaluate(colours)))
    assert len(seen) == 2


def test_the_search_finds_a_section_and_leads_there(page, site):
    page.goto((site / "index.html").as_uri())
    page.get_by_label("Search").fill("causal mask")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=causal+mask")
    link = page.locator("#results a", has_text="Exercise: the mask")
    link.click()
    page.wait_for_url("**/02_attention.html#exercise-the-mask")
    assert page.locator("#exercise-the-mask").is_visible()
    page.goto((site / "search.html").as_uri() + "?q=<b>zebra")
    assert page.locator("#count").inner_text() == "0 found"


def test_the_playground_writes(page, site):
    page.goto((site / "play.html").as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("#voice:not(:empty)").wait_for(state="attached", timeout=60_000)
    assert frame.locator("#complaint").inner_text() == ""


def test_slides_turn_by_keys_and_nothing_is_cut_off(page, tmp_path):
    write_folder(tmp_path / "slides", EDITIONS["slides"](LESSONS))
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((tmp_path / "slides" / "00_start_here.html").as_uri())
    count = page.locator("section").count()
    assert page.locator("#place").inner_text() == f"1 / {count}"
    heights = "s => s.scrollHeight - s.clientHeight"
    for number in range(1, count + 1):
        assert page.locator("#place").inner_text() == f"{number} / {count}"
        assert page.locator("section.shown").count() == 1
        assert page.locator("section.shown").evaluate(heights) <= 0, number
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    assert page.url.endswith("#1")
