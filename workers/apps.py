from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"

    def ready(self) -> None:
        import workers.tracing  # noqa: F401 - it hears when calls are sent and taken
        from workers.celery import app

        app.set_default()
