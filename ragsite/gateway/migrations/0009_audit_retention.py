"""How long a tenant keeps its audit log, and the one way by which entries leave it: sealed ones, past that time."""

import django.contrib.postgres.fields
import django.core.validators
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

from ragsite.core.row_security import closed_to_public

# Of the installation's own log, and of tenants that are gone, the caller says after how many days.
PRUNE = """
CREATE FUNCTION gateway_audit_prune(whose uuid, upto bigint, days integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    kept integer;
    gone bigint;
BEGIN
    SELECT audit_days INTO kept FROM gateway_tenant WHERE id = whose;
    IF NOT FOUND THEN
        kept := days;
    END IF;
    IF kept IS NULL OR kept < 1 THEN
        RAISE EXCEPTION 'this audit log is kept for ever' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT FROM core_auditseal
               WHERE (tenant_id = whose OR tenant_id IS NULL AND whose IS NULL) AND number <= upto
                 AND until >= now() - make_interval(days => kept)) THEN
        RAISE EXCEPTION 'entries of this audit log are kept for % days', kept USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('ragsite.audit_pruning', 'on', true);
    DELETE FROM core_auditentry WHERE id IN (
        SELECT unnest(entry_ids) FROM core_auditseal
        WHERE (tenant_id = whose OR tenant_id IS NULL AND whose IS NULL) AND number <= upto);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM core_auditseal WHERE (tenant_id = whose OR tenant_id IS NULL AND whose IS NULL) AND number <= upto;
    DELETE FROM core_auditcheckpoint WHERE (tenant_id = whose OR tenant_id IS NULL AND whose IS NULL) AND number < upto;
    PERFORM set_config('ragsite.audit_pruning', '', true);
    RETURN gone;
END $$;
"""


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('core', '0009_audit_append_only'),
        ('gateway', '0008_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='audit_days',
            field=models.PositiveIntegerField(blank=True, help_text='Entries of the audit log are removed after so many days. Left empty, they are kept for ever.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='days of the audit log'),
        ),
        AddConstraintNotValid(
            model_name='tenant',
            constraint=models.CheckConstraint(condition=models.Q(('audit_days', None), ('audit_days__gte', 1), _connector='OR'), name='tenant_audit_days'),
        ),
        ValidateConstraint(model_name='tenant', name='tenant_audit_days'),
        migrations.AlterField(
            model_name='apikey',
            name='permissions',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('read', 'Read knowledge bases, documents and chunks'), ('write', 'Create, change and delete knowledge bases and documents'), ('query', 'Search and ask'), ('grants:manage', 'Say who may read which knowledge bases and documents'), ('models:manage', 'Download, activate and remove models, which all tenants use'), ('audit:read', 'Read the audit log: who did what, and who was shown what')], max_length=20), size=None),
        ),
        migrations.RunSQL(PRUNE, 'DROP FUNCTION gateway_audit_prune(uuid, bigint, integer)'),
        closed_to_public(['gateway_audit_prune(uuid, bigint, integer)'], clients_of='core_auditentry'),
    ]
