"""What is made of what a search finds: how good, how honest and how quick answers are."""
