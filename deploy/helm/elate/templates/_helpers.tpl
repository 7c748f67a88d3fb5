{{/* The services of the release, in the order in which they depend on each other. */}}
{{- define "elate.services" -}}
events journeys scoring notifications
{{- end }}

{{/* What runs: the services, and simulation where it is asked for. It has no database, so nothing of it is migrated. */}}
{{- define "elate.parts" -}}
{{ include "elate.services" . }}{{ if .Values.services.simulation.enabled }} simulation{{ end }}
{{- end }}

{{/* The name of a part: release and service. */}}
{{- define "elate.name" -}}
{{- printf "%s-%s" .root.Release.Name .service | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "elate.selector" -}}
app.kubernetes.io/name: elate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{- define "elate.labels" -}}
{{ include "elate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: elate
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Each service has its own image; simulation is a command of the one that holds them all. */}}
{{- define "elate.image" -}}
{{- $image := .root.Values.image }}
{{- $which := eq .service "simulation" | ternary "" (printf "-%s" .service) }}
{{- printf "%s/%s%s:%s" $image.registry $image.repository $which ($image.tag | default .root.Chart.AppVersion) }}
{{- end }}

{{/*
  The configuration file: what the chart knows, and over it what the values say. Secrets are not in it. The delay of a
  stop lets load balancers notice first; its end comes before Kubernetes would kill the pod.
*/}}
{{- define "elate.config" -}}
{{- $values := index .root.Values.services .service }}
{{- $known := dict
      "listen" (printf "0.0.0.0:%v" $values.port)
      "admin_listen" (printf "0.0.0.0:%v" $values.adminPort)
      "log" (dict "format" .root.Values.log.format "filter" .root.Values.log.filter)
      "stop" (dict "delay" "3s" "grace" (printf "%ds" (sub (int .root.Values.terminationGracePeriodSeconds) 5))) }}
{{- with .root.Values.otlpEndpoint }}
{{- $_ := set $known "otlp" (dict "endpoint" .) }}
{{- end }}
{{- if ne .service "events" }}
{{- $events := include "elate.name" (dict "root" .root "service" "events") }}
{{- $_ := set $known "events" (dict "url" (printf "http://%s:%v" $events .root.Values.services.events.port)) }}
{{- end }}
{{- mergeOverwrite $known (deepCopy $values.config) | toYaml }}
{{- end }}

{{/* Environment: the secrets, then what the values add. */}}
{{- define "elate.env" -}}
{{- $secrets := .root.Values.secrets }}
{{- if ne .service "simulation" }}
- name: ELATE_DATABASE__URL
  valueFrom:
    secretKeyRef:
      name: {{ $secrets.databases.existingSecret }}
      key: {{ index $secrets.databases.keys .service }}
{{- end }}
{{- if eq .service "events" }}
- name: ELATE_REDIS__URL
  valueFrom:
    secretKeyRef:
      name: {{ $secrets.redis.existingSecret }}
      key: {{ $secrets.redis.key }}
{{- end }}
- name: ELATE_SERVICE_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ $secrets.service.existingSecret }}
      key: {{ $secrets.service.key }}
{{- with (index .root.Values.services .service).env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Nothing of a pod may do more than run its binary. */}}
{{- define "elate.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "elate.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
privileged: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* A container that runs one subcommand of the service. */}}
{{- define "elate.container" -}}
name: {{ .command }}
image: {{ include "elate.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [{{ .command | quote }}, "--config", "/etc/elate/config.yaml"]
env:
  {{- include "elate.env" . | nindent 2 }}
securityContext:
  {{- include "elate.securityContext" . | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/elate
    readOnly: true
{{- end }}

{{- define "elate.configVolume" -}}
- name: config
  configMap:
    name: {{ include "elate.name" . }}
{{- end }}

{{- define "elate.placement" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
