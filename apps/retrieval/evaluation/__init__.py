"""How good a search is: sets of questions with what answers them, runs over them, and the comparison of two runs."""
