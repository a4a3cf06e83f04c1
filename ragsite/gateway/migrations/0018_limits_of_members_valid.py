"""The limits that are there, looked at beside everybody's work."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("gateway", "0017_limits_of_members")]

    operations = [ValidateConstraint(model_name="worklimit", name="limit_of_a_key_or_a_member")]
