"""The version that answers where another does not."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('model_registry', '0006_holding'),
    ]

    operations = [
        migrations.AddField(
            model_name='modelversion',
            name='fallback',
            field=models.ForeignKey(blank=True, help_text='Answers where this does not.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='model_registry.modelversion'),
        ),
    ]
