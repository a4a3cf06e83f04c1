"""A grant on a knowledge base may carry a role in it. Those there are let their subjects read."""

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

ROLE = models.CheckConstraint(
    condition=models.Q(role="reader")
    | models.Q(("api_key", None), ("knowledge_base__isnull", False), ("role__in", ["editor", "owner"])),
    name="grant_role_of_people_in_a_base",
)


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("documents", "0023_masking_valid"), ("gateway", "0016_operator_valid")]

    operations = [
        migrations.AddField(
            model_name="grant",
            name="role",
            field=models.CharField(
                choices=[
                    ("reader", "Reader: reads, searches and asks"),
                    ("editor", "Editor: also creates, changes and deletes"),
                    ("owner", "Owner: also says who may read what"),
                ],
                db_default="reader",
                default="reader",
                help_text="What people may in that knowledge base beside what their role in the tenant allows.",
                max_length=10,
            ),
        ),
        AddConstraintNotValid(model_name="grant", constraint=ROLE),
        ValidateConstraint(model_name="grant", name="grant_role_of_people_in_a_base"),
    ]
