"""Models that mark answers in passages as a kind of model."""

from django.db import migrations, models

KINDS = [("embedding", "Embedding"), ("reranking", "Reranking"), ("generation", "Generation"), ("reading", "Reading")]


class Migration(migrations.Migration):
    dependencies = [("model_registry", "0010_pull_choices")]

    operations = [
        migrations.RemoveConstraint("model", "model_kind_known"),
        migrations.AlterField("model", "kind", models.CharField(choices=KINDS, max_length=20)),
        migrations.AlterField("modelversion", "kind", models.CharField(choices=KINDS, editable=False, max_length=20)),
        migrations.AddConstraint(
            "model",
            models.CheckConstraint(
                condition=models.Q(kind__in=["embedding", "reranking", "generation", "reading"]),
                name="model_kind_known",
            ),
        ),
    ]
