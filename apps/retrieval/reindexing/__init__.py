"""Building an index generation beside the live one, comparing the two, and switching without a moment's gap."""
