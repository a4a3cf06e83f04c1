"""By what the vectors of a knowledge base are kept in parts."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("documents", "0026_stage_begun")]

    operations = [
        migrations.AddField(
            model_name="knowledgebase",
            name="parts",
            field=models.CharField(
                choices=[
                    ("none", "Not divided"),
                    ("month", "By the month in which a document was added"),
                    ("year", "By the year in which a document was added"),
                    ("type", "By the type of a file"),
                ],
                db_default="none",
                default="none",
                help_text="Searches that ask for some of these parts leave out the others; those that ask for all look into each.",
                max_length=5,
                verbose_name="index in parts",
            ),
        ),
        migrations.AddConstraint(
            model_name="knowledgebase",
            constraint=models.CheckConstraint(
                condition=models.Q(("parts__in", ["none", "month", "year", "type"])), name="knowledge_base_parts_known"
            ),
        ),
    ]
