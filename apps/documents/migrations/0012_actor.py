"""Who asked for a version, for a step of its way, and for the deletion of a knowledge base. Empty for those there are."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0011_deleting'),
    ]

    operations = [
        migrations.AddField(
            model_name='documentversion',
            name='actor',
            field=models.JSONField(editable=False, help_text='Who last asked for something of it.', null=True),
        ),
        migrations.AddField(
            model_name='knowledgebasedeletion',
            name='actor',
            field=models.JSONField(editable=False, help_text='Who asked for it.', null=True),
        ),
        migrations.AddField(
            model_name='stagerecord',
            name='actor',
            field=models.JSONField(editable=False, help_text='Who asked for it, or cancelled it.', null=True),
        ),
    ]
