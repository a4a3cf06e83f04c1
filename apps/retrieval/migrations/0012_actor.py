"""Who asked for a re-index, or for its switch, as the event of the switch tells it. Empty for those there are."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0011_partitions_beside_readers'),
    ]

    operations = [
        migrations.AddField(
            model_name='reindex',
            name='actor',
            field=models.JSONField(editable=False, help_text='Who last asked for something of it.', null=True),
        ),
    ]
