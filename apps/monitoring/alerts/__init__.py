"""Alerts: opened and closed by rules over metrics and health, told by webhook and mail, acknowledged by people."""
