"""Generations of a smaller model beside the live ones."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0015_lexical_statistics'),
    ]

    operations = [
        migrations.AlterField(
            model_name='indexgeneration',
            name='state',
            field=models.CharField(choices=[('building', 'Being built beside the live one'), ('live', 'Answers searches'), ('retired', 'Kept for a roll-back'), ('filling', "Being filled, to answer where the live one's model does not"), ('standby', "Answers where the live one's model does not"), ('dropped', 'Being removed')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='indexgeneration',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('filling', 'standby'))), fields=('knowledge_base',), name='one_standby_generation'),
        ),
    ]
