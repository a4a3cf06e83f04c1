"""What is embedded before a chunk. Of those that are there it is nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("documents", "0027_parts")]

    operations = [
        migrations.AddField(
            model_name="chunk",
            name="context",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False,
                help_text="What stands before it where it is embedded: the document's name and its headings.",
            ),
        ),
    ]
