"""A task on models may be the adding of one that lies in the folder of models."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('model_registry', '0011_readers'),
    ]

    operations = [
        migrations.AlterField(
            model_name='modeltask',
            name='folder',
            field=models.CharField(blank=True, default='', help_text='What is removed, or added from the folder of models.', max_length=1000),
        ),
        migrations.AlterField(
            model_name='modeltask',
            name='kind',
            field=models.CharField(choices=[('pull', 'Download'), ('verify', 'Check'), ('remove', 'Remove'), ('folder', 'Add from a folder')], max_length=10),
        ),
        migrations.AlterField(
            model_name='modeltask',
            name='plan',
            field=models.JSONField(help_text='The files, as the hub states them, or as far as they were read.', null=True),
        ),
        migrations.AlterField(
            model_name='modeltask',
            name='revision',
            field=models.CharField(help_text="The version's; empty until a folder was read.", max_length=64),
        ),
        migrations.AlterField(
            model_name='modeltask',
            name='source',
            field=models.CharField(help_text="The hub's repository, or the folder that is added.", max_length=1000),
        ),
    ]
