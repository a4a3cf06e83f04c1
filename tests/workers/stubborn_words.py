"""What the first word of a file asks of `tests.workers.stubborn`."""

HOLD, STAY, DIE = "hold", "stay", "die"
HOLD_SECONDS, STAY_SECONDS = 7, 600
