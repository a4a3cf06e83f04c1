"""The audit log can be added to and read; nothing in it can be changed, and nothing removed but by the function that prunes it.

Words of entries are erased by a function that does what an entry says which was just written, and waits for its seal.
"""

from django.db import migrations

from ragsite.core.row_security import append_only, append_only_function, closed_to_public

TABLES = ('core_auditentry', 'core_auditseal', 'core_auditcheckpoint')

ERASE = """
CREATE FUNCTION core_audit_erase(told uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    whose uuid;
    erased jsonb;
    place text;
    ids uuid[];
    changed bigint;
    number bigint := 0;
BEGIN
    SELECT e.tenant_id, e.details -> 'erased' INTO whose, erased
    FROM core_auditentry e JOIN core_auditwaiting w ON w.entry_id = e.id
    WHERE e.id = told AND e.action = 'audit.erased' AND jsonb_typeof(e.details -> 'erased') = 'object';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no entry that waits for its seal tells of this erasing' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('ragsite.audit_erasing', 'on', true);
    FOR place IN SELECT jsonb_object_keys(erased) LOOP
        SELECT array_agg(one::uuid) INTO ids FROM jsonb_array_elements_text(erased -> place) one;
        UPDATE core_auditentry SET
            actor_name = CASE place WHEN 'actor_name' THEN '' ELSE actor_name END,
            object_name = CASE place WHEN 'object_name' THEN '' ELSE object_name END,
            details = CASE WHEN starts_with(place, 'details.')
                           THEN jsonb_set(details, ARRAY[substr(place, 9)], 'null', false) ELSE details END,
            salts = jsonb_set(salts, ARRAY[place], to_jsonb(told::text), false)
        WHERE id = ANY(ids) AND id <> told AND tenant_id IS NOT DISTINCT FROM whose
          AND commitments ? place AND salts ->> place ~ '^[0-9a-f]{32}$';
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed IS DISTINCT FROM cardinality(ids) THEN
            RAISE EXCEPTION 'the entry tells of erasing what is not there' USING ERRCODE = 'insufficient_privilege';
        END IF;
        number := number + changed;
    END LOOP;
    PERFORM set_config('ragsite.audit_erasing', '', true);
    RETURN number;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0008_audit_log'),
    ]

    operations = [
        append_only_function(),
        *map(append_only, TABLES),
        migrations.RunSQL(ERASE, 'DROP FUNCTION core_audit_erase(uuid)'),
        closed_to_public(['core_audit_erase(uuid)'], clients_of='core_auditentry'),
    ]
