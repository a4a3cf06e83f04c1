"""Experiments for MLflow: what is noted, what is told of it, and the job that logs it."""
