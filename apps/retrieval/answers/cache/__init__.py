"""Answers that are given again as long as everything below them is as it was."""
