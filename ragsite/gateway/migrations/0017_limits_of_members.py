"""Members of a tenant may have limits of their own. The wall between them and keys is looked at by the next migration."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("gateway", "0016_operator_valid")]

    operations = [
        migrations.AddField(
            model_name="worklimit",
            name="membership",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.membership"
            ),
        ),
        migrations.RemoveConstraint(model_name="worklimit", name="limit_of_whom_and_what"),
        migrations.AddConstraint(
            model_name="worklimit",
            constraint=models.UniqueConstraint(
                fields=("tenant", "api_key", "membership", "work", "per"), name="limit_of_one_and_what",
                nulls_distinct=False,
            ),
        ),
        AddConstraintNotValid(
            model_name="worklimit",
            constraint=models.CheckConstraint(
                condition=models.Q(api_key=None) | models.Q(membership=None), name="limit_of_a_key_or_a_member"
            ),
        ),
    ]
