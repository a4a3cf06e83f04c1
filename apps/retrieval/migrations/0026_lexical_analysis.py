"""Which version of the analysis a lexical segment's terms are of: those that are there are of the first."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("retrieval", "0025_wrong_judgements")]

    operations = [
        migrations.AddField(
            model_name="lexicalsegment",
            name="analysis",
            field=models.PositiveSmallIntegerField(
                db_default=1, help_text="Which version of the analysis its terms are of."
            ),
        ),
    ]
