"""The memberships that are there, looked at beside everybody's work."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("gateway", "0015_operator")]

    operations = [ValidateConstraint(model_name="membership", name="membership_role_known")]
