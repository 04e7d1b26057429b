{{/* Labels of all objects. */}}
{{- define "qinling.labels" -}}
app.kubernetes.io/name: qinling
app.kubernetes.io/part-of: qinling
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Labels that select the pods of a component: list of root and component.
*/}}
{{- define "qinling.selector" -}}
app.kubernetes.io/name: qinling
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of pods: list of root and component. */}}
{{- define "qinling.podLabels" -}}
{{ include "qinling.selector" . }}
app.kubernetes.io/part-of: qinling
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- define "qinling.image" -}}
{{- $repository := required "Set image.repository: tools/docker/build.sh builds and pushes the image \"service\"." .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "qinling.connectionsSecret" -}}
{{ .Values.connections.existingSecret | default "qinling-connections" }}
{{- end }}

{{- define "qinling.keysSecret" -}}
{{ .Values.secretsKey.existingSecret | default "qinling-keys" }}
{{- end }}

{{/* Name of a priority class: list of root, value and suffix. */}}
{{- define "qinling.priorityClass" -}}
{{- $root := index . 0 -}}
{{- if index . 1 -}}
{{ index . 1 }}
{{- else if $root.Values.priorityClasses.create -}}
{{ $root.Release.Namespace }}-{{ index . 2 }}
{{- end -}}
{{- end }}

{{/* A value of an option; a number never becomes 6.291456e+06. */}}
{{- define "qinling.value" -}}
{{- if and (kindIs "float64" .) (eq (float64 (int64 .)) .) -}}
{{ int64 . }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end }}

{{/* An oslo.config file from a dict: group -> option -> value. */}}
{{- define "qinling.ini" -}}
{{- range $group, $options := . }}
[{{ $group }}]
{{- range $option, $value := $options }}
{{- if kindIs "slice" $value }}
{{- range $value }}
{{ $option }} = {{ include "qinling.value" . }}
{{- end }}
{{- else }}
{{ $option }} = {{ include "qinling.value" $value }}
{{- end }}
{{- end }}
{{ end -}}
{{- end }}

{{/* Options of qinling.conf, as YAML. */}}
{{- define "qinling.options" -}}
DEFAULT:
  use_stderr: true
api:
  host: 0.0.0.0
  port: 7070
  auth_strategy: {{ .Values.api.authStrategy }}
  {{- if eq .Values.api.authStrategy "noauth" }}
  allow_noauth_on_network: true
  {{- end }}
  threads: {{ .Values.api.threads }}
engine:
  orchestrator: kubernetes
  stop_timeout: {{ .Values.engine.stopTimeout }}
  {{- with .Values.runtimes }}
  default_runtimes:
    {{- range $name, $image := . }}
    - {{ printf "%s %s" $name $image | quote }}
    {{- end }}
  {{- end }}
direct:
  port: 7071
kubernetes:
  namespace: {{ .Values.workers.namespace }}
  engine_namespace: {{ .Release.Namespace }}
  replicas: {{ .Values.workers.poolSize }}
  {{- with include "qinling.priorityClass" (list . .Values.priorityClasses.workers "workers") }}
  priority_class: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  image_pull_secrets: {{ join "," . }}
  {{- end }}
  {{- with .Values.workers.nodeSelector }}
  node_selector: {{ $labels := list }}{{ range $key, $value := . }}{{ $labels = append $labels (printf "%s:%s" $key $value) }}{{ end }}{{ join "," $labels }}
  {{- end }}
storage:
  provider: {{ .Values.storage.provider }}
  file_system_dir: /var/lib/qinling/packages
metrics:
  host: 0.0.0.0
  api_port: 9101
  engine_port: 9102
oslo_messaging_rabbit:
  rpc_conn_pool_size: {{ .Values.api.threads }}
{{- end }}

{{- define "qinling.conf" -}}
{{- if and (eq .Values.api.authStrategy "noauth") (not .Values.api.allowNoauth) -}}
{{- fail "Set api.authStrategy to keystone or http_basic; or set api.allowNoauth to true: everyone who can reach the API then has all rights." -}}
{{- end -}}
{{- $options := include "qinling.options" . | fromYaml -}}
{{- include "qinling.ini" (mustMergeOverwrite $options (deepCopy .Values.config)) | trim -}}
{{- end }}

{{- define "qinling.connections" -}}
{{- $database := required "Set connections.existingSecret, or connections.database." .Values.connections.database -}}
{{- $bus := required "Set connections.existingSecret, or connections.transportUrl." .Values.connections.transportUrl -}}
{{- $options := dict "DEFAULT" (dict "transport_url" $bus) "database" (dict "connection" $database) -}}
{{- include "qinling.ini" (mustMergeOverwrite $options (deepCopy .Values.connections.options)) | trim -}}
{{- end }}

{{- define "qinling.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "qinling.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "qinling.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A pod's fields for the choice of its node: list of root and component. */}}
{{- define "qinling.scheduling" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) -}}
{{- with include "qinling.priorityClass" (list $root $root.Values.priorityClasses.controlPlane "control-plane") }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if include "qinling.oneNode" $root }}
# The volume belongs to one node.
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: qinling
          matchExpressions:
            - key: app.kubernetes.io/component
              operator: In
              values: [api, engine]
{{- else }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "qinling.selector" . | nindent 8 }}
{{- end }}
{{- end }}

{{/* "true" if there is a volume for packages. */}}
{{- define "qinling.hasVolume" -}}
{{- if eq .Values.storage.provider "file_system" }}true{{ end -}}
{{- end }}

{{- define "qinling.oneNode" -}}
{{- if and (include "qinling.hasVolume" .) (eq .Values.storage.accessMode "ReadWriteOnce") }}true{{ end -}}
{{- end }}

{{/* Volumes of a pod, from the names of a ConfigMap and Secrets: list of root,
ConfigMap, Secret of connections, Secret of keys or "". */}}
{{- define "qinling.volumes" -}}
{{- $root := index . 0 -}}
- name: configuration
  projected:
    sources:
      - configMap:
          name: {{ index . 1 }}
      - secret:
          name: {{ index . 2 }}
          items:
            - key: connections.conf
              path: qinling.conf.d/connections.conf
      {{- with index . 3 }}
      - secret:
          name: {{ . }}
          items:
            - key: keys.conf
              path: qinling.conf.d/keys.conf
      {{- end }}
      {{- with $root.Values.ca.secret }}
      - secret:
          name: {{ . }}
          items:
            - key: ca.crt
              path: ca/ca.crt
      {{- end }}
      {{- with $root.Values.ca.configMap }}
      - configMap:
          name: {{ . }}
          items:
            - key: ca.crt
              path: ca/ca.crt
      {{- end }}
- name: tmp
  emptyDir: {}
{{- end }}

{{- define "qinling.mounts" -}}
- name: configuration
  mountPath: /etc/qinling
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "qinling.packagesVolume" -}}
{{- if include "qinling.hasVolume" . }}
- name: packages
  persistentVolumeClaim:
    claimName: {{ .Values.storage.existingClaim | default "qinling-packages" }}
{{- end }}
{{- end }}

{{- define "qinling.packagesMount" -}}
{{- if include "qinling.hasVolume" . }}
- name: packages
  mountPath: /var/lib/qinling/packages
{{- end }}
{{- end }}

{{/* Init container that waits until the schema matches the release. */}}
{{- define "qinling.schemaContainer" -}}
- name: schema
  image: {{ include "qinling.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [sh, -c]
  args:
    - >-
      until qinling-db-manage --config-file=/etc/qinling/qinling.conf
      --config-dir=/etc/qinling/qinling.conf.d check;
      do sleep 3; done
  resources:
    {{- toYaml .Values.migration.resources | nindent 4 }}
  securityContext:
    {{- include "qinling.containerSecurity" . | nindent 4 }}
  volumeMounts:
    {{- include "qinling.mounts" . | nindent 4 }}
{{- end }}

{{/* Annotations of pods, which replace the pods after a change of the
configuration: list of root and component. */}}
{{- define "qinling.podAnnotations" -}}
{{- $root := index . 0 -}}
checksum/configuration: {{ include "qinling.conf" $root | sha256sum }}
{{- if not $root.Values.connections.existingSecret }}
checksum/connections: {{ include "qinling.connections" $root | sha256sum }}
{{- end }}
{{- with (index $root.Values (index . 1)).podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
