{{- define "bellhop.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a Deployment's selector can't change any more. */}}
{{- define "bellhop.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "bellhop.labels" -}}
{{ include "bellhop.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "bellhop.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "bellhop.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "bellhop.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* The same for every pod of ours. */}}
{{- define "bellhop.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "bellhop.containerSecurity" -}}
image: {{ include "bellhop.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where orders and the queue live. The passwords come first: only what stands
     above may be named in a $(NAME). */}}
{{- define "bellhop.storage" -}}
- name: DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: DATABASE_PASSWORD, optional: true}}
- name: QUEUE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: QUEUE_PASSWORD, optional: true}}
- name: BELLHOP_DB
  value: {{ .Values.database.url | quote }}
- name: BELLHOP_QUEUE
  value: {{ .Values.queue.url | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The key of what bellhop keeps sealed. */}}
{{- define "bellhop.key" -}}
- name: BELLHOP_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: BELLHOP_KEY}}
{{- end -}}

{{/* bellhop as an app of Shopify's, and the key of what it keeps sealed. */}}
{{- define "bellhop.app" -}}
- name: BELLHOP_SHOPIFY_SECRET
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: SHOPIFY_SECRET}}
{{ include "bellhop.key" . }}
{{- with .Values.shopify.clientID }}
- name: BELLHOP_SHOPIFY_CLIENT_ID
  value: {{ . | quote }}
{{- end }}
{{- with .Values.url }}
- name: BELLHOP_URL
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Four fifths of a container's limit: beyond that Go collects garbage more
     often, before the kernel kills. */}}
{{- define "bellhop.memoryGoal" -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- $size := get (dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824) $unit -}}
{{- if not $size -}}{{- fail (printf "resources.limits.memory: %v has another unit than k, M, G, Ki, Mi or Gi" .) -}}{{- end -}}
{{- mulf (trimSuffix $unit (toString .) | float64) $size 0.8 | int64 -}}
{{- end -}}
