"""Checks that go deeper than asking whether a part answers. A job runs them; the page of health shows what they found."""
