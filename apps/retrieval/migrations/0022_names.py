"""A question is called a question."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("retrieval", "0021_findable_changes")]

    operations = [
        migrations.AlterModelOptions(
            name="query",
            options={"ordering": ["-id"], "verbose_name": "question", "verbose_name_plural": "questions"},
        ),
    ]
