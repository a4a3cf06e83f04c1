from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0014_bounds_valid'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='document',
            index=models.Index(condition=models.Q(('restricted', True)), fields=['knowledge_base', 'id'], name='document_restricted'),
        ),
    ]
