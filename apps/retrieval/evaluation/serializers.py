"""How evaluation sets, questions, runs and comparisons look over HTTP."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.retrieval.evaluation.runs import LARGEST_DEPTH, LARGEST_K
from apps.retrieval.models import (
    WRONG,
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
    Judgement,
)
from apps.retrieval.models.modes import Mode
from ragsite.core.bounds import LONGEST_TEXT
from ragsite.gateway.strictness import StrictSerializer

MODES = [mode.value for mode in Mode]


class EvaluationSetSerializer(serializers.ModelSerializer[EvaluationSet]):
    questions = serializers.IntegerField(source="question_total", read_only=True, default=0)

    class Meta:
        model = EvaluationSet
        fields = ("id", "knowledge_base", "name", "description", "questions", "created_at")
        read_only_fields = fields


class NewEvaluationSetSerializer(StrictSerializer):
    """A new set."""

    knowledge_base = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=LONGEST_TEXT)


class EvaluationSetChangeSerializer(StrictSerializer):
    """What may be changed about a set."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class JudgementSerializer(serializers.ModelSerializer[Judgement]):
    class Meta:
        model = Judgement
        fields = ("document", "version", "start", "end", "grade")
        read_only_fields = fields


class JudgedSerializer(StrictSerializer):
    """A document, or a version with the span of its parsed text."""

    openapi = {
        "oneOf": [
            {"required": ["version", "start", "end"]},
            {"required": ["document"], "not": {"anyOf": [{"required": [one]} for one in ("version", "start", "end")]}},
        ]
    }

    document = serializers.UUIDField(source="document_id", required=False)
    version = serializers.UUIDField(source="version_id", required=False)
    start = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    end = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        span = {"version_id", "start", "end"} & attrs.keys()
        if len(span) not in (0, 3) or (not span and "document_id" not in attrs):
            raise serializers.ValidationError("Give `document`, or `version` with `start` and `end`.")
        return attrs


class RelevantSerializer(JudgedSerializer):
    """What answers a question: a document, or a version with the span of its parsed text."""

    grade = serializers.IntegerField(min_value=1, max_value=32_767, required=False, default=1)


class NewJudgementSerializer(JudgedSerializer):
    """That something answers a question, or with grade 0 does not."""

    grade = serializers.IntegerField(min_value=WRONG, max_value=32_767)


class EvaluationQuestionSerializer(serializers.ModelSerializer[EvaluationQuestion]):
    relevant = serializers.SerializerMethodField(help_text="What answers it.")
    wrong = serializers.SerializerMethodField(help_text="What was judged not to answer it; the grade is 0.")

    class Meta:
        model = EvaluationQuestion
        fields = ("id", "text", "reference_answer", "external_id", "relevant", "wrong", "created_at")
        read_only_fields = fields

    @extend_schema_field(JudgementSerializer(many=True))
    def get_relevant(self, question: EvaluationQuestion) -> Any:
        return JudgementSerializer([one for one in question.judgements.all() if one.grade], many=True).data

    @extend_schema_field(JudgementSerializer(many=True))
    def get_wrong(self, question: EvaluationQuestion) -> Any:
        return JudgementSerializer([one for one in question.judgements.all() if not one.grade], many=True).data


class NewEvaluationQuestionSerializer(StrictSerializer):
    """A question with what answers it."""

    text = serializers.CharField(max_length=2_000)
    reference_answer = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)
    relevant = RelevantSerializer(many=True, allow_empty=False)
    wrong = JudgedSerializer(many=True, required=False, default=(), help_text="What does not answer it.")


class EvaluationImportSerializer(StrictSerializer):
    """Files of a set: `queries` and `qrels` of BEIR, optionally with a `corpus`; or `csv`. Each may be gzipped."""

    queries = serializers.FileField(required=False, help_text="BEIR's queries.jsonl.")
    qrels = serializers.FileField(required=False, help_text="BEIR's qrels.tsv.")
    corpus = serializers.FileField(
        required=False, help_text="BEIR's corpus.jsonl; its documents are uploaded, at most 1,000."
    )
    csv = serializers.FileField(
        required=False, help_text="Columns question, document (id or external id), passage, grade, reference_answer."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("csv" in attrs) == ("queries" in attrs or "qrels" in attrs or "corpus" in attrs):
            raise serializers.ValidationError("Send either `csv`, or `queries` and `qrels`.")
        if "csv" not in attrs and not {"queries", "qrels"} <= attrs.keys():
            raise serializers.ValidationError("`queries` and `qrels` belong together.")
        return attrs


class ImportedSerializer(serializers.Serializer[Any]):
    """The result of an import."""

    questions = serializers.IntegerField(help_text="Taken, new or known.")
    left_out = serializers.IntegerField(help_text="Questions of which no relevant document is in the knowledge base.")
    unknown_documents = serializers.IntegerField(help_text="Relevant documents that are not in the knowledge base.")


class EvaluationRunSerializer(serializers.ModelSerializer[EvaluationRun]):
    url = serializers.SerializerMethodField(help_text="Where to watch this run.")
    metrics = serializers.DictField(read_only=True, help_text="Empty until the run is done.")
    parameters = serializers.DictField(read_only=True)

    class Meta:
        model = EvaluationRun
        fields = (
            "id", "url", "evaluation_set", "generation", "mode", "rerank", "k", "depth", "parameters", "state", "metrics",
            "error", "note", "asked_by", "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, run: EvaluationRun) -> str:
        return reverse("evaluation-run-detail", args=[run.pk])


class NewEvaluationRunSerializer(StrictSerializer):
    """A new run."""

    evaluation_set = serializers.UUIDField()
    mode = serializers.ChoiceField(choices=MODES, required=False, default=Mode.HYBRID.value)
    rerank = serializers.BooleanField(required=False, default=False)
    k = serializers.IntegerField(min_value=1, max_value=LARGEST_K, required=False, default=10)
    depth = serializers.IntegerField(min_value=1, max_value=LARGEST_DEPTH, required=False, default=100)


class RankedDocumentSerializer(serializers.Serializer[Any]):
    """One place of a ranking; a grade of 0 is not relevant, and `wrong` says whether somebody judged it so."""

    document = serializers.UUIDField()
    title = serializers.SerializerMethodField(help_text="Empty where the document was restricted since.")
    chunk = serializers.IntegerField()
    score = serializers.FloatField()
    grade = serializers.IntegerField()
    wrong = serializers.BooleanField(default=False)

    def get_title(self, place: dict[str, Any]) -> str:
        return "" if place["document"] in self.context["untitled"] else str(place["title"])


class EvaluationResultSerializer(serializers.ModelSerializer[EvaluationResult]):
    metrics = serializers.DictField(child=serializers.FloatField(), read_only=True)
    ranking = RankedDocumentSerializer(many=True, read_only=True)

    class Meta:
        model = EvaluationResult
        fields = ("question", "text", "metrics", "ranking", "milliseconds")
        read_only_fields = fields


class FigureComparisonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.FloatField()
    against = serializers.FloatField()
    difference = serializers.FloatField()
    p = serializers.FloatField(help_text="Two-sided, of the paired randomisation test.")
    better = serializers.IntegerField()
    worse = serializers.IntegerField()
    same = serializers.IntegerField()


class QuestionComparisonSerializer(serializers.Serializer[Any]):
    question = serializers.UUIDField(source="question_id")
    text = serializers.CharField()
    value = serializers.FloatField()
    against = serializers.FloatField()
    difference = serializers.FloatField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """A run beside another one, over the questions of both; `questions` are those that differ in the first figure."""

    run = serializers.UUIDField(source="run.pk")
    against = serializers.UUIDField(source="against.pk")
    shared = serializers.IntegerField()
    figures = FigureComparisonSerializer(many=True)
    questions = QuestionComparisonSerializer(many=True)
