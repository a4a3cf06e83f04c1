"""The Celery application, its queues, the table of stages, and the event relay."""
