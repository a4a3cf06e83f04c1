"""A judgement may say that something does not answer its question: grade 0."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0024_cut_previews'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='judgement',
            name='judgement_grade_is_relevant',
        ),
        migrations.AlterField(
            model_name='judgement',
            name='grade',
            field=models.PositiveSmallIntegerField(default=1, help_text='0: it does not answer the question. From 1: how well it does.'),
        ),
    ]
