"""Whether a flag is on for somebody."""

from __future__ import annotations

from ragsite.core.dynamic.flags import Flag, FlagSubject
from ragsite.core.dynamic.held import rules_at
from ragsite.core.dynamic.places import INSTALLATION, Place


def flag_is_on(flag: Flag, subject: FlagSubject) -> bool:
    """By the tenant's rule, else by the installation's, else as it is by default. Asks nobody: see `held`."""
    rule = rules_at(Place(subject.tenant_id)).get(flag.name) or rules_at(INSTALLATION).get(flag.name)
    return flag.default if rule is None else rule.is_on(flag, subject)
