{{/* The environment of a process: (list root name process). */}}
{{- define "ragsite.environment" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $process := index . 2 -}}
{{- $values := $root.Values -}}
{{- $bundled := $values.bundled -}}
- {name: RAGSITE_PROCESS, value: {{ $process.kind }}}
- {name: RAGSITE_DATA_DIR, value: /data}
- {name: HF_HOME, value: /data/hub}
- {name: RAGSITE_METRICS_PORT, value: "9464"}
- {name: RAGSITE_METRICS_ADDRESS, value: "0.0.0.0"}
{{- if ne $values.storage.models.kind "none" }}
- {name: RAGSITE_MODELS_DIR, value: /models}
{{- end }}
{{- if eq $name "web" }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
# Probes ask for localhost, Prometheus for the address of the pod.
- {name: RAGSITE_ALLOWED_HOSTS, value: {{ printf "%s,localhost,$(POD_IP)" (join "," $values.web.hosts) | quote }}}
- {name: FORWARDED_ALLOW_IPS, value: {{ $values.web.forwardedAllowIps | quote }}}
{{- end }}
{{- if eq $name "flower" }}
- name: FLOWER_BASIC_AUTH
  valueFrom: {secretKeyRef: {{ $values.flower.auth | toJson }}}
{{- end }}
{{- if $bundled.postgresql.enabled }}
- name: RAGSITE_APP_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $bundled.secret }}, key: RAGSITE_APP_PASSWORD}}
- {name: DATABASE_URL, value: "postgresql://ragsite_app:$(RAGSITE_APP_PASSWORD)@{{ include "ragsite.name" (list $root "postgresql") }}:5432/ragsite"}
{{- if eq $name "migrate" }}
- name: RAGSITE_OWNER_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $bundled.secret }}, key: RAGSITE_OWNER_PASSWORD}}
- {name: DATABASE_OWNER_URL, value: "postgresql://ragsite_owner:$(RAGSITE_OWNER_PASSWORD)@{{ include "ragsite.name" (list $root "postgresql") }}:5432/ragsite"}
{{- end }}
{{- else if eq $name "migrate" }}
- name: DATABASE_OWNER_URL
  valueFrom: {secretKeyRef: {{ $values.migrations.owner | toJson }}}
{{- end }}
{{- if $bundled.redis.enabled }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $bundled.secret }}, key: REDIS_PASSWORD}}
- {name: REDIS_URL, value: "redis://:$(REDIS_PASSWORD)@{{ include "ragsite.name" (list $root "redis") }}:6379/0"}
{{- end }}
{{- if $bundled.kafka.enabled }}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: "{{ include "ragsite.name" (list $root "kafka") }}:9092"}
{{- end }}
{{- if and $bundled.clickhouse.enabled (has "clickhouse" (index (include "ragsite.arrows" $root | fromYaml) $name)) }}
- name: CLICKHOUSE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $bundled.secret }}, key: CLICKHOUSE_PASSWORD}}
- {name: CLICKHOUSE_URL, value: "http://ragsite:$(CLICKHOUSE_PASSWORD)@{{ include "ragsite.name" (list $root "clickhouse") }}:8123/ragsite"}
{{- end }}
{{- $composed := dict "DATABASE_URL" $bundled.postgresql.enabled "REDIS_URL" $bundled.redis.enabled "CLICKHOUSE_URL" $bundled.clickhouse.enabled }}
{{- /* Whoever does not reach a server gets no login for it. */}}
{{- $for := dict "CLICKHOUSE_URL" "clickhouse" "RAGSITE_MILVUS_TOKEN" "milvus" "AWS_ACCESS_KEY_ID" "storage" "AWS_SECRET_ACCESS_KEY" "storage" "AWS_SESSION_TOKEN" "storage" "HF_TOKEN" "modelHub" }}
{{- $reached := index (include "ragsite.arrows" $root | fromYaml) $name }}
{{- range $variable, $place := $values.secrets }}
{{- if and (not (get $composed $variable)) (or (not (hasKey $for $variable)) (has (get $for $variable) $reached)) }}
- name: {{ $variable }}
  valueFrom: {secretKeyRef: {{ $place | toJson }}}
{{- end }}
{{- end }}
{{- $settings := merge (dict) ($process.environment | default dict) ((get $process "values" | default dict).settings | default dict) $values.settings }}
{{- range $variable, $value := $settings }}
{{- if not (and (eq $variable "KAFKA_BOOTSTRAP_SERVERS") $bundled.kafka.enabled) }}
- {name: {{ $variable }}, value: {{ include "ragsite.text" $value }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* A setting as an environment has it: whole numbers with all their digits. */}}
{{- define "ragsite.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . | toString | quote }}
{{- else -}}
{{ toString . | quote }}
{{- end -}}
{{- end -}}

{{- define "ragsite.mounts" -}}
{{- $values := .Values -}}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /data}
{{- if ne $values.storage.models.kind "none" }}
- {name: models, mountPath: /models}
{{- end }}
{{- range $index, $file := $values.secretFiles }}
- {name: secret-{{ $index }}, mountPath: {{ $file.path }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "ragsite.volumes" -}}
{{- $root := . -}}{{- $storage := .Values.storage -}}
- {name: tmp, emptyDir: {sizeLimit: 2Gi}}
{{- if eq $storage.data.kind "claim" }}
- {name: data, persistentVolumeClaim: {claimName: {{ $storage.data.existingClaim | default (include "ragsite.name" (list $root "data")) }}}}
{{- else }}
- {name: data, emptyDir: {sizeLimit: {{ $storage.data.limit }}}}
{{- end }}
{{- if ne $storage.models.kind "none" }}
- {name: models, persistentVolumeClaim: {claimName: {{ $storage.models.existingClaim | default (include "ragsite.name" (list $root "models")) }}}}
{{- end }}
{{- range $index, $file := .Values.secretFiles }}
- {name: secret-{{ $index }}, secret: {secretName: {{ $file.secret }}, defaultMode: 0440}}
{{- end }}
{{- end -}}

{{/* What every pod of the application has in common: (list root name scheduling). */}}
{{- define "ragsite.podCommon" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $own := index . 2 -}}
{{- $where := mergeOverwrite (deepCopy $root.Values.scheduling) ($own | default dict) -}}
serviceAccountName: {{ include "ragsite.name" (list $root $name) }}
automountServiceAccountToken: false
# Kubernetes would give the address of a service ragsite-web as RAGSITE_WEB_PORT and the like.
enableServiceLinks: false
securityContext:
  {{- include "ragsite.podSecurity" 10001 | nindent 2 }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{ $names := list }}{{ range . }}{{ $names = append $names (dict "name" .) }}{{ end }}{{ toJson $names }}
{{- end }}
{{- with $where.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $where.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with $where.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "ragsite.spread" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- range $topology := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $topology }}
  whenUnsatisfiable: {{ $root.Values.spread.whenUnsatisfiable }}
  # Machines that the pod may not run on, as those with GPUs, do not count as empty places.
  nodeTaintsPolicy: Honor
  labelSelector:
    matchLabels:
      {{- include "ragsite.selector" (list $root $name) | nindent 6 }}
{{- end }}
{{- end -}}

{{/* Startup, readiness and liveness. What a server that is away can't answer for is no reason to start a process anew. */}}
{{- define "ragsite.probes" -}}
{{- $name := index . 0 -}}{{- $process := index . 1 -}}
{{- if eq $name "web" }}
startupProbe:
  httpGet: {path: /healthz, port: http, httpHeaders: [{name: Host, value: localhost}]}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: http, httpHeaders: [{name: Host, value: localhost}]}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
# All parts are tried side by side, for four seconds each at most.
readinessProbe:
  httpGet: {path: /readyz, port: http, httpHeaders: [{name: Host, value: localhost}]}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 2
{{- else }}
{{- $path := ternary "/healthcheck" "/metrics" (eq $name "flower") }}
startupProbe:
  httpGet: {path: {{ $path }}, port: {{ $process.portName }}}
  periodSeconds: 5
  failureThreshold: {{ ternary 60 24 (eq (toString $process.models) "true") }}
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: {{ $path }}, port: {{ $process.portName }}}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: {{ $path }}, port: {{ $process.portName }}}
  periodSeconds: 20
  timeoutSeconds: 10
{{- end }}
{{- end -}}
