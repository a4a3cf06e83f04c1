{{/*
What runs, one entry a Deployment: the commands of the Procfile, and how each is looked after. `given` is the name of its values.
  kind     RAGSITE_PROCESS
  port     where its metrics are, and whether it lives
  image    a role of `images`
*/}}
{{- define "ragsite.processes" -}}
{{- if not .Values.routeOnly }}
web:
  kind: web
  image: web
  command: [uvicorn, "ragsite.asgi:application", --http, "ragsite.asgi:Protocol", --host, "0.0.0.0", --port, "8000", --lifespan, "off", --no-access-log]
  port: 8000
  portName: http
  scaled: {{ .Values.web.autoscaling.enabled }}
  values: {{ .Values.web | toJson }}
{{- range $name, $worker := .Values.workers }}
{{ $name }}:
  kind: worker
  image: {{ $worker.image }}
  command: [celery, -A, workers.celery, worker, -n, "{{ $name }}@%h", -Q, "{{ join "," $worker.queues }}", --pool, {{ $worker.pool }}, -c, "{{ $worker.concurrency }}", --without-gossip, --without-mingle]
  port: 9464
  portName: metrics
  {{- if eq $worker.pool "threads" }}
  environment: {RAGSITE_MODEL_TRANSPORT: local, OMP_WAIT_POLICY: passive}
  {{- end }}
  scaled: {{ and $.Values.keda.enabled $worker.autoscaling.enabled }}
  models: {{ eq $worker.pool "threads" }}
  values: {{ $worker | toJson }}
{{- end }}
beat:
  kind: command
  image: web
  command: [celery, -A, workers.celery, beat, --scheduler, workers.beat.LeaderScheduler]
  port: 9464
  portName: metrics
  values: {{ .Values.beat | toJson }}
{{- if include "ragsite.hasKafka" . }}
relay:
  kind: command
  image: web
  command: [python, manage.py, relay]
  port: 9464
  portName: metrics
  values: {{ .Values.relay | toJson }}
webhooks:
  kind: command
  image: web
  command: [python, manage.py, deliver_webhooks]
  port: 9464
  portName: metrics
  values: {{ .Values.webhooks | toJson }}
{{- if .Values.analytics.enabled }}
analytics:
  kind: command
  image: web
  command: [python, manage.py, consume_events]
  port: 9464
  portName: metrics
  values: {{ .Values.analytics | toJson }}
{{- end }}
{{- end }}
{{- if .Values.flower.enabled }}
flower:
  kind: command
  image: web
  command: [celery, -A, workers.celery, flower, --conf=workers/flower_settings.py, --address=0.0.0.0, --port=5555]
  port: 5555
  portName: http
  once: true
  values: {{ .Values.flower | toJson }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Which servers each process reaches: the arrows of the design. Those of workers follow from their queues. */}}
{{- define "ragsite.arrows" -}}
web: [postgresql, redis, kafka, storage, clickhouse, milvus, modelServers, identityProvider, documents, traces]
{{- $of := dict
  "parsing" (list "storage")
  "chunking" (list "modelServers")
  "maintenance" (list "kafka" "storage" "clickhouse" "milvus" "modelServers" "mail" "receivers")
  "events" (list "receivers")
  "embedding" (list "modelServers" "modelHub")
  "retrieval" (list "milvus" "modelServers" "mlflow")
  "generation" (list "modelServers") }}
{{- range $name, $worker := .Values.workers }}
{{- $servers := list "postgresql" "redis" "traces" }}
{{- range $worker.queues }}{{- $servers = concat $servers (index $of .) }}{{- end }}
{{ $name }}: [{{ uniq $servers | join ", " }}]
{{- end }}
beat: [postgresql, redis, traces]
relay: [postgresql, redis, kafka, traces]
webhooks: [postgresql, redis, kafka, traces]
analytics: [redis, kafka, clickhouse, traces]
flower: [redis]
migrate: [postgresql]
bootstrap: [postgresql, redis]
{{- end -}}
