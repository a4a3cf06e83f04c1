"""Versions that servers of their own run: where, what they are called there, and the key, sealed."""

import ragsite.core.bounds
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('model_registry', '0008_prompt_walls'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='modelversion',
            name='model_version_has_max_tokens',
        ),
        migrations.RemoveConstraint(
            model_name='modelversion',
            name='model_version_sha256_is_hex',
        ),
        migrations.AddField(
            model_name='modelversion',
            name='key_env',
            field=models.CharField(blank=True, db_default='', default='', help_text='Holds the key for its servers.', max_length=100, verbose_name='key variable'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='key_sealed',
            field=models.TextField(blank=True, db_default='', default='', editable=False),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='server_model',
            field=models.CharField(blank=True, db_default='', default='', help_text='What its servers call it.', max_length=200, verbose_name='model there'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='urls',
            field=models.JSONField(blank=True, db_default=[], default=list, help_text='Of the servers that run it, where it is not run here.', verbose_name='URLs'),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='path',
            field=models.CharField(blank=True, help_text='The folder that engines load.', max_length=1000),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='sha256',
            field=models.CharField(blank=True, help_text='Digest of the weights.', max_length=64, verbose_name='SHA-256'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('max_tokens__gt', 0), ('max_tokens__isnull', False)), models.Q(models.Q(('status__in', ['active', 'ready', 'retired']), ('server_model', ''), _negated=True), ('max_tokens', None)), _connector='OR'), name='model_version_has_max_tokens'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$'), models.Q(models.Q(('status__in', ['active', 'ready', 'retired']), ('server_model', ''), _negated=True), ('sha256', '')), _connector='OR'), name='model_version_sha256_is_hex'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('key_env', ''), ('key_sealed', ''), ('server_model', ''), ('urls', [])), models.Q(models.Q(('server_model', ''), _negated=True), models.Q(('urls', []), _negated=True), ('path', ''), ('sha256', '')), _connector='OR'), name='model_version_here_or_there'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='key_sealed', most=131072, name='model_version_key_sealed_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='urls', most=131072, name='model_version_urls_bytes', size='column'),
        ),
    ]
