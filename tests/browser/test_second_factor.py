"""Somebody sets up a second factor with a picture, and signs in with it."""

from __future__ import annotations

import base64
import time

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django_otp.oath import hotp
from playwright.sync_api import expect

from ragsite.gateway.sign_in_page import PATH
from tests.browser.visiting import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "the right password of admin"


def code(secret: str, *, steps: int = 0) -> str:
    return f"{hotp(base64.b32decode(secret), int(time.time()) // 30 + steps):06}"


def test_a_second_factor_is_set_up_by_a_picture_and_asked_for_at_sign_in(visit: Visit) -> None:
    admin = User.objects.get(username="admin")
    admin.set_password(PASSWORD)
    admin.save()
    page = visit.page
    page.context.clear_cookies()

    def give_password() -> None:
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()

    visit.open(f"{PATH}?next={reverse('second-factor-own')}")
    give_password()
    expect(page.get_by_role("img", name="The secret as a QR code")).to_be_visible()
    picture = page.locator(".rag-qr svg").bounding_box()
    assert picture is not None
    assert picture["width"] > 150
    secret = page.locator("#secret").inner_text().replace(" ", "")
    page.get_by_role("textbox", name="Code").fill(code(secret))
    page.keyboard.press("Enter")
    expect(page.locator(".rag-codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()

    page.context.clear_cookies()
    visit.open(PATH)
    give_password()
    expect(page.get_by_text("Type the code that your app shows for admin now.")).to_be_visible()
    # The next one: this half minute's may be used up. Either is taken until its half minute is over, and one longer.
    page.get_by_role("textbox", name="Code").fill(code(secret, steps=1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Home").or_(page.locator("#nav-sidebar-apps")).first).to_be_visible()
