"""Where walks through very many things stand."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_jobs'),
    ]

    operations = [
        migrations.CreateModel(
            name='Walk',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('position', models.CharField(blank=True, default='', max_length=200)),
                ('walked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
    ]
