import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_progress'),
    ]

    operations = [
        migrations.RenameField('WorkerPresence', 'stages', 'jobs'),
        migrations.AlterField(
            'WorkerPresence',
            'jobs',
            django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None),
        ),
        migrations.CreateModel(
            name='ScheduledJob',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40, unique=True)),
                ('started_at', models.DateTimeField(editable=False, null=True)),
                ('finished_at', models.DateTimeField(editable=False, help_text='When it last ended well.', null=True)),
                ('error', models.TextField(blank=True, default='', help_text='Why it did not, since then.')),
            ],
            options={'ordering': ['name']},
        ),
    ]
