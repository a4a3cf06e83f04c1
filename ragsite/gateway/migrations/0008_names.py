"""Who belongs to a tenant is called a member."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("gateway", "0007_models_manage")]

    operations = [
        migrations.AlterModelOptions(
            name="membership", options={"ordering": ["tenant", "user"], "verbose_name": "member"}
        ),
    ]
