"""When the first attempt of a stage was started. Of those that are there only the last one's start is known."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("documents", "0025_by_title")]

    operations = [
        migrations.AddField(
            model_name="stagerecord",
            name="begun_at",
            field=models.DateTimeField(
                editable=False,
                help_text="When its first attempt was started; `started_at` is of the last one.",
                null=True,
            ),
        ),
    ]
