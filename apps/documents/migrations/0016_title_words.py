"""A document is found by words of its title without a look at each: an index of them, made beside who works. And a stage of the
way of a version is called a stage.
"""

from django.db import migrations

INDEX = r"""
CREATE INDEX CONCURRENTLY IF NOT EXISTS document_title_words ON documents_document USING gin (
    to_tsvector('simple'::regconfig, translate(title, '-_./\:,;()[]{}+&#@!?=~', '                      '))
) WHERE deleted_at IS NULL
"""
UNINDEXED = "DROP INDEX CONCURRENTLY IF EXISTS document_title_words"


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("documents", "0015_document_restricted")]

    operations = [
        migrations.AlterModelOptions(name="stagerecord", options={"ordering": ["id"], "verbose_name": "stage"}),
        # One that was cut off leaves an index that is not valid under the name.
        migrations.RunSQL([UNINDEXED, INDEX], UNINDEXED),
    ]
