"""Operators look after a tenant's work, and keys may, too. The wall around roles is looked at by the next migration."""

import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

ROLES = [
    ("reader", "Reader: reads, searches and asks"),
    ("editor", "Editor: also creates, changes and deletes"),
    ("owner", "Owner: also says who may read what"),
    ("operator", "Operator: looks after the work, and reads neither documents nor questions"),
]
KNOWN = models.CheckConstraint(condition=models.Q(role__in=[role for role, _ in ROLES]), name="membership_role_known")
PERMISSIONS = [
    ("read", "Read knowledge bases, documents and chunks"),
    ("write", "Create, change and delete knowledge bases and documents"),
    ("query", "Search and ask"),
    ("grants:manage", "Say who may read which knowledge bases and documents"),
    ("models:manage", "Download, activate and remove models, which all tenants use"),
    ("audit:read", "Read the audit log: who did what, and who was shown what"),
    ("work:manage", "Follow the work on documents, retry, cancel and re-index"),
]


class Migration(migrations.Migration):

    dependencies = [("gateway", "0014_sign_in")]

    operations = [
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(choices=ROLES, default="reader", max_length=10),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="permissions",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(choices=PERMISSIONS, max_length=20), size=None
            ),
        ),
        migrations.RemoveConstraint(model_name="membership", name="membership_role_known"),
        AddConstraintNotValid(model_name="membership", constraint=KNOWN),
    ]
