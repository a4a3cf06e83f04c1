"""The audit log can be added to and read; nothing in it can be changed, and nothing removed but by the function that prunes it."""

from django.db import migrations

from ragsite.core.row_security import append_only, append_only_function

TABLES = ('core_auditentry', 'core_auditseal', 'core_auditcheckpoint')


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0008_audit_log'),
    ]

    operations = [append_only_function(), *map(append_only, TABLES)]
