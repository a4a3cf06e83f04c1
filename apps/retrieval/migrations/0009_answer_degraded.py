"""What an answer had to do without is kept with it. Answers that are there already had nothing missing, or were not given."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0008_embedding_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='answer',
            name='degraded',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='Steps that could not be done, and what was done instead.'),
        ),
        migrations.AlterField(
            model_name='citation',
            name='score',
            field=models.FloatField(help_text="How well the quote meets the question, as the answer's generator scores it."),
        ),
    ]
