{{/* The name of an object: the release's, and what it is. */}}
{{- define "ragsite.name" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}
{{- printf "%s-%s" (trunc 40 $root.Release.Name | trimSuffix "-") $part -}}
{{- end -}}

{{- define "ragsite.selector" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}
app.kubernetes.io/name: ragsite
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ $part }}
{{- end -}}

{{- define "ragsite.labels" -}}
{{- $root := index . 0 -}}
{{ include "ragsite.selector" . }}
app.kubernetes.io/version: {{ $root.Values.image.tag | default $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "ragsite.metadata" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}
name: {{ include "ragsite.name" . }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "ragsite.labels" . | nindent 2 }}
{{- end -}}

{{/* The image of a role. */}}
{{- define "ragsite.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- $place := ternary (printf "%s/%s" $root.Values.image.registry $image.repository) $image.repository (ne $root.Values.image.registry "") -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $place $image.digest }}
{{- else -}}
{{ printf "%s:%s" $place ($image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{/* What a container may: nothing beside its work. */}}
{{- define "ragsite.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "ragsite.podSecurity" -}}
{{- $user := . -}}
runAsNonRoot: true
runAsUser: {{ $user }}
runAsGroup: {{ $user }}
fsGroup: {{ $user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What would start and then lose or miss something is refused here. */}}
{{- define "ragsite.checks" -}}
{{- $values := .Values -}}
{{- $blobs := $values.settings.RAGSITE_BLOB_STORE | default "files" -}}
{{- if and (not (hasPrefix "s3://" $blobs)) (eq $values.storage.data.kind "ephemeral") -}}
{{- fail "Uploads would be lost with their pod: set settings.RAGSITE_BLOB_STORE to a bucket, or storage.data.kind to claim." -}}
{{- end -}}
{{- if not (or $values.bundled.kafka.enabled $values.settings.KAFKA_BOOTSTRAP_SERVERS) -}}
{{- fail "Name the Kafka broker in settings.KAFKA_BOOTSTRAP_SERVERS, or `none`." -}}
{{- end -}}
{{- if and $values.analytics.enabled (not (or $values.bundled.clickhouse.enabled $values.secrets.CLICKHOUSE_URL)) -}}
{{- fail "analytics needs ClickHouse: CLICKHOUSE_URL among secrets, or bundled.clickhouse.enabled." -}}
{{- end -}}
{{- range $server, $given := omit $values.bundled "secret" "storageClass" -}}
{{- if and $given.enabled $values.istio.enabled -}}
{{- fail "The bundled servers are for trying, and know nothing of Istio: leave either out." -}}
{{- end -}}
{{- end -}}
{{- range $name, $worker := $values.workers -}}
{{- if not (hasKey $values.images $worker.image) -}}
{{- fail (printf "workers.%s.image is %q, which is none of images." $name $worker.image) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ragsite.hasKafka" -}}
{{- if or .Values.bundled.kafka.enabled (ne (.Values.settings.KAFKA_BOOTSTRAP_SERVERS | default "none") "none") -}}yes{{- end -}}
{{- end -}}

{{/* How long a process may take to stop: (list root values). A file that is being parsed is waited for. */}}
{{- define "ragsite.grace" -}}
{{- $root := index . 0 -}}{{- $given := index . 1 -}}
{{- $least := 0 -}}
{{- if has "parsing" ($given.queues | default list) -}}
{{- $seconds := ($given.settings | default dict).RAGSITE_PARSER_SECONDS | default $root.Values.settings.RAGSITE_PARSER_SECONDS | default 60 -}}
{{- $least = add 30 (int $seconds) -}}
{{- end -}}
{{- max (int $given.graceSeconds) $least -}}
{{- end -}}
