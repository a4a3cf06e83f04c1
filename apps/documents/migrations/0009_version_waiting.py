"""The index by which versions are claimed, in the order of their claims. It holds only versions under way, so it is made at once."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("documents", "0008_filters"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="documentversion",
            name="version_work",
        ),
        migrations.AddIndex(
            model_name="documentversion",
            index=models.Index(
                condition=models.Q(("status__in", ["cancelled", "failed", "ready"]), _negated=True),
                fields=["status", "not_before", "id"],
                name="version_waiting",
            ),
        ),
    ]
