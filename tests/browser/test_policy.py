"""The pages' policy in a real browser: it holds, it is noticed where it does, and the theme does without what it forbids."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import expect

from tests import factories
from tests.browser.visiting import Visit
from tests.waiting import wait_for

pytestmark = pytest.mark.browser

FORBIDDEN = {
    "a style in an attribute": "document.body.setAttribute('style', 'color: red')",
    "a style in the page": "document.head.insertAdjacentHTML('beforeend', '<style>a { color: red }</style>')",
    "a script in the page": "document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))",
    "a handler in an attribute": "document.body.setAttribute('onclick', 'window.ran = 1'); document.body.click()",
    "code in a text": "setTimeout('window.ran = 1')",
}


def test_what_the_policy_forbids_does_not_happen_and_is_a_trouble(visit: Visit) -> None:
    for what, script in FORBIDDEN.items():
        visit.page.evaluate(f"() => {{ {script} }}")
        wait_for(lambda: visit.page.title() and visit.troubles, seconds=10, what=what)
        troubles, visit.troubles = visit.troubles, []
        assert any("Content Security Policy" in trouble for trouble in troubles), (what, troubles)
    assert visit.page.evaluate("window.ran === undefined")


READ = {
    "1 + 2 - -0.5": 3.5,
    "'it\\'s' + \"\\u0020so\"": "it's so",
    "!given.list.length": False,
    "given.list[1] === 3 && given['name'] || 'none'": "Ada",
    "given.nothing ? 1 : given.list.length >= 2 ? 'two' : 'less'": "two",
    "{'a b': given.list.includes(2), c: [null, undefined]}": {"a b": True, "c": [None, None]},
    "given.name = given.other = 'Grace'; given.name.toUpperCase()": "GRACE",
    "(true || given.missing.at.all)": True,
    "given.greeting('Hello')": "Hello, Grace",
    "$el.tagName == 'BODY' && !($el.tagName != 'BODY')": True,
}
REFUSED = (
    "window.alert(1)",
    "document.cookie",
    "given.constructor",
    "''['constr' + 'uctor']('return 1')",
    "$el.ownerDocument.cookie",
    "$el.innerHTML = '<a>'",
    "{__proto__: given}",
    "given => 1",
    "if (true) 1",
    "1 = 2",
    "given.",
    "(1",
    "`1`",
)
EVALUATED = """(expressions) => {
    const given = {list: [2, 3], name: "Ada", greeting(word) { return `${word}, ${this.name}`; }};
    return expressions.map((each) => Alpine.evaluate(document.body, each, {scope: {given}}));
}"""


def test_what_attributes_say_is_read_and_nothing_else_of_it_is_done(visit: Visit) -> None:
    assert visit.page.evaluate(EVALUATED, list(READ)) == list(READ.values())
    for expression in REFUSED:
        visit.page.evaluate(EVALUATED, [expression])
        visit.page.wait_for_timeout(20)
        troubles, visit.troubles = visit.troubles, []
        assert any(re.search("refused|is not defined|is not a function", each) for each in troubles), expression


def test_the_sidebar_the_scheme_and_the_menus_obey(visit: Visit) -> None:
    page = visit.page
    page.locator("[x-on\\:click='sidebarDesktopOpen = !sidebarDesktopOpen']").click()
    expect(page.locator("#nav-sidebar-apps")).to_be_hidden()
    page.reload()
    expect(page.locator("#nav-sidebar-apps")).to_be_hidden()
    page.locator("[x-on\\:click='sidebarDesktopOpen = !sidebarDesktopOpen']").click()
    expect(page.locator("#nav-sidebar-apps")).to_be_visible()
    page.locator("[x-on\\:click='openUserLinks = !openUserLinks']").click()
    expect(page.locator("[x-show=openUserLinks]")).to_be_visible()
    for scheme in ("dark", "light"):
        page.locator(f"[x-on\\:click=\"switchTheme('{scheme}')\"]").first.click()
        expect(page.locator("html")).to_have_class(re.compile(scheme))
    page.mouse.click(900, 400)
    expect(page.locator("[x-show=openUserLinks]")).to_be_hidden()


def test_the_search_by_name_is_opened_by_a_key_and_leads_there(visit: Visit) -> None:
    factories.ready_version()
    visit.page.keyboard.press("t")
    search = visit.page.locator("#search-input-command")
    expect(search).to_be_focused()
    search.press_sequentially("know")
    expect(visit.page.locator("#command-results-list li").first).to_be_visible()
    search.press("ArrowDown")
    search.press("Enter")
    visit.page.wait_for_url(re.compile(r"/admin/.+"))


def test_lists_are_paged_filtered_and_acted_upon(visit: Visit) -> None:
    User.objects.bulk_create([User(username=f"person-{number:03}") for number in range(120)])
    page = visit.page
    visit.open(reverse("admin:auth_user_changelist"))
    page.get_by_role("link", name="2", exact=True).first.click()
    page.wait_for_url(re.compile("p=2"))
    page.locator("[name=_selected_action]").first.check()
    page.select_option("select[name=action]", index=1)
    expect(page.locator("#changelist-actions [type=submit]")).to_be_visible()
    assert page.locator("#changelist-actions").evaluate("bar => bar.style.width").endswith("px")
    page.locator("[x-on\\:click='filterOpen = true']").first.click()
    expect(page.locator("#changelist-filter")).to_be_visible()


def test_a_form_goes_to_its_own_address(visit: Visit) -> None:
    address = reverse("admin:auth_user_change", args=[User.objects.get().pk])
    visit.open(address)
    expect(visit.page.locator("form[x-bind\\:action]").first).to_have_attribute("action", address)
