"""The prompts of a version beside its weights. What is registered had none and keeps it so: its vectors stay as they are."""

from django.db import migrations, models
from django.db.models.functions import MD5, Coalesce

NAME = "model_version_unique_revision"


def prompt(help_text: str) -> models.TextField:
    return models.TextField(blank=True, db_default="", default="", help_text=help_text)


class Migration(migrations.Migration):
    dependencies = [("model_registry", "0002_kinds")]

    operations = [
        migrations.AddField("modelversion", "query_prompt", prompt("What stands before each question.")),
        migrations.AddField("modelversion", "document_prompt", prompt("What stands before each passage.")),
        migrations.AlterField(
            "modelversion",
            "max_tokens",
            models.PositiveIntegerField(help_text="Longest input, special tokens and prompt included."),
        ),
        migrations.RemoveConstraint("modelversion", NAME),
        migrations.AddConstraint(
            "modelversion",
            models.UniqueConstraint(
    "model", "revision", MD5("query_prompt"), MD5("document_prompt"), Coalesce("dimensions", 0), name=NAME,
),
        ),
    ]
