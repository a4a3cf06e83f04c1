import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0015_settings'),
    ]

    operations = [
        migrations.CreateModel(
            name='BlobCopy',
            fields=[
                ('name', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('place', models.CharField(max_length=16)),
                ('copied_at', models.DateTimeField(help_text='When the copy was whole; none while it is made.', null=True)),
                ('error', models.CharField(blank=True, db_default='', default='', help_text='What the first store did.', max_length=20)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'verbose_name': 'copy of a file',
                'verbose_name_plural': 'copies of files',
                'indexes': [models.Index(condition=models.Q(('error', ''), _negated=True), fields=['name'], name='blob_copy_failed')],
            },
        ),
    ]
