{{/* A Job that Helm runs, with the account it runs as, which Helm makes first. */}}
{{- define "ragsite.job" -}}
{{- $root := .root }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "ragsite.metadata" (list $root .name) | nindent 2 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: "-20"
    helm.sh/hook-delete-policy: before-hook-creation
automountServiceAccountToken: false
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "ragsite.metadata" (list $root .name) | nindent 2 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  # What was done stays done: a try that follows a failed one goes on.
  backoffLimit: 6
  {{- with .given.deadlineSeconds }}
  activeDeadlineSeconds: {{ . }}
  {{- end }}
  template:
    metadata:
      labels:
        {{- include "ragsite.labels" (list $root .name) | nindent 8 }}
    spec:
      {{- include "ragsite.podCommon" (list $root .name .given.scheduling) | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: {{ .name }}
          image: {{ include "ragsite.image" (list $root .image) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: {{ toJson .command }}
          env:
            {{- include "ragsite.environment" (list $root .name (dict "kind" "command")) | nindent 12 }}
          resources: {{ toJson .given.resources }}
          securityContext:
            {{- include "ragsite.containerSecurity" . | nindent 12 }}
          volumeMounts:
            {{- include "ragsite.mounts" $root | nindent 12 }}
      volumes:
        {{- include "ragsite.volumes" $root | nindent 8 }}
{{- end -}}
