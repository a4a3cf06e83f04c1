"""Who did what an event tells of. Empty for those that were written before; the relay sends them without."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0004_walk'),
    ]

    operations = [
        migrations.AddField(
            model_name='outboxevent',
            name='actor',
            field=models.JSONField(blank=True, null=True),
        ),
    ]
