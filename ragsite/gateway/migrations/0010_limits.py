"""Limits of tenants and keys, and what is used of their quotas."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("gateway", "0009_audit_retention")]

    operations = [
        migrations.CreateModel(
            name="WorkLimit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("work", models.CharField(max_length=20)),
                ("per", models.CharField(max_length=10)),
                ("amount", models.BigIntegerField(help_text="0 allows nothing.")),
                (
                    "api_key",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.apikey"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "api_key", "work", "per"), name="limit_of_whom_and_what", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            work__in=["searches", "answers", "upload_bytes", "tokens", "streams", "requests"]
                        ),
                        name="limit_work_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(per__in=["minute", "day", "month", "once"]), name="limit_per_known"
                    ),
                    models.CheckConstraint(condition=models.Q(amount__gte=0), name="limit_amount_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="QuotaUse",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("whose", models.CharField(max_length=80)),
                ("work", models.CharField(max_length=20)),
                ("per", models.CharField(max_length=10)),
                ("begins", models.DateField()),
                ("used", models.BigIntegerField(db_default=0)),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [models.Index(fields=["begins"], name="quota_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "whose", "work", "per", "begins"), name="quota_of_whom_and_when",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
    ]
