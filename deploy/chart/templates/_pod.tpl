{{- /* The one pod of the four services, and what its containers share with the Jobs and the test. */ -}}

{{- define "vow.podSecurity" -}}
runAsNonRoot: true
{{- range $field := list "runAsUser" "runAsGroup" "fsGroup" }}
{{- with get $.set.podSecurity $field }}
{{ $field }}: {{ int . }}
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "vow.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end -}}

{{- /* What every pod of the chart says of itself: it needs no token, and no list of other Services. */ -}}
{{- define "vow.podBasics" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- if kindIs "bool" .set.podSecurity.hostUsers }}
hostUsers: {{ .set.podSecurity.hostUsers }}
{{- end }}
securityContext:
  {{- include "vow.podSecurity" . | nindent 2 }}
{{- include "vow.pullSecrets" .root }}
{{- end -}}

{{- /*
A map of variables as a list, each name once. In the order of their names, so that a variable that another one
refers to must come before it in the alphabet.
*/ -}}
{{- define "vow.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  {{- /* A number of the values is a float, which as text may be 1e+06. */}}
  value: {{ (kindIs "float64" $value) | ternary (toJson $value) $value | toString | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "vow.databaseEnv" -}}
VOW_DATABASE_URL_FILE: /etc/vow/database/url
{{- if .set.database.keysUrlKey }}
VOW_KEYS_DATABASE_URL_FILE: /etc/vow/database/keys-url
{{- end }}
{{- end -}}

{{- /* The volume of a Secret's database URLs and of whom they believe, readable by the pod's group only. */ -}}
{{- define "vow.databaseVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    items:
      - key: {{ .set.database.urlKey }}
        path: url
      {{- with .set.database.keysUrlKey }}
      - key: {{ . }}
        path: keys-url
      {{- end }}
      {{- with .set.database.caKey }}
      - key: {{ . }}
        path: ca.crt
      {{- end }}
{{- end -}}

{{- define "vow.tracingEnv" -}}
{{- $tracing := .root.Values.tracing -}}
{{- if $tracing.endpoint }}
K8S_NAMESPACE: {valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
K8S_NODE: {valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
K8S_POD: {valueFrom: {fieldRef: {fieldPath: metadata.name}}}
K8S_POD_UID: {valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ $tracing.endpoint | quote }}
OTEL_TRACES_SAMPLER: {{ $tracing.sampler | quote }}
OTEL_TRACES_SAMPLER_ARG: {{ $tracing.samplerArgument | quote }}
{{- $own := dict "service.version" (include "vow.version" .root) "service.instance.id" "$(K8S_POD_UID)" }}
{{- $_ := set $own "k8s.namespace.name" "$(K8S_NAMESPACE)" }}
{{- $_ := set $own "k8s.node.name" "$(K8S_NODE)" }}
{{- $_ := set $own "k8s.pod.name" "$(K8S_POD)" }}
{{- $pairs := list }}
{{- range $name, $value := merge (dict) ($tracing.resourceAttributes | default dict) $own }}
{{- $pairs = append $pairs (printf "%s=%v" $name $value) }}
{{- end }}
OTEL_RESOURCE_ATTRIBUTES: {{ join "," $pairs | quote }}
{{- with $tracing.headers.existingSecret }}
OTEL_EXPORTER_OTLP_HEADERS: {valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: {{ $tracing.headers.key | quote }}}}}
{{- end }}
{{- end }}
{{- end -}}

{{- /* What a service is told, as a map by name. */ -}}
{{- define "vow.serviceEnv" -}}
{{- $sqlite := eq .root.Values.database.engine "sqlite" -}}
VOW_LISTEN: {{ printf "%s:%d" .root.Values.listenAddress (int .root.Values.ports.grpc) | quote }}
VOW_ADMIN_LISTEN: {{ printf "%s:%d" .root.Values.listenAddress (int .root.Values.ports.admin) | quote }}
VOW_TLS_CERTIFICATE: /etc/vow/tls/tls.crt
VOW_TLS_KEY: /etc/vow/tls/tls.key
VOW_TLS_AUTHORITY: /etc/vow/tls/ca.crt
VOW_CALLERS: /etc/vow/shared/callers.toml
VOW_KEY_ENCRYPTION_KEYS: /etc/vow/keys/key-encryption.keys
VOW_DRAIN_SECONDS: {{ .set.drainSeconds }}
VOW_GRACE_PERIOD_SECONDS: {{ .set.gracePeriodSeconds }}
VOW_CONNECTION_AGE_SECONDS: {{ .set.connectionAgeSeconds }}
{{- if .verifies }}
VOW_GRANT_KEYS: /etc/vow/shared/grant-keys.jwks
{{- end }}
{{- with .signs }}
{{ . }}: /etc/vow/keys/signing.key
{{- end }}
{{- include "vow.addresses" (dict "root" .root "keys" .calls) }}
{{- if $sqlite }}
VOW_MIGRATIONS: apply
VOW_DATABASE_URL: sqlite:///var/lib/vow/{{ .component }}.db
{{- else }}
VOW_MIGRATIONS: wait
VOW_DATABASE_CONNECTIONS: {{ .set.database.connections }}
{{ include "vow.databaseEnv" . }}
{{- end }}
{{- if eq .key "disclosureAudit" }}
{{- include "vow.publishedLogEnv" .root }}
{{- end }}
{{- include "vow.tracingEnv" . }}
{{- end -}}

{{- /* Where the log is published and served, and who must cosign it. */ -}}
{{- define "vow.publishedLogEnv" -}}
{{- $published := .Values.publishedLog }}
{{- with $published.bucket }}
VOW_TILE_STORE: {{ . | quote }}
{{- end }}
{{- if $published.serve }}
VOW_TILE_LISTEN: {{ printf "%s:%d" .Values.listenAddress (int .Values.ports.tiles) | quote }}
{{- end }}
{{- if $published.trustPolicy }}
VOW_LOG_TRUST_POLICY: /etc/vow/trust/policy
{{- end }}
{{- end -}}

{{- define "vow.probe" -}}
httpGet:
  path: {{ .path }}
  port: admin
{{ toYaml .timing }}
{{- end -}}

{{- /* The container that migrates, as a Job's or before the service's own. */ -}}
{{- define "vow.migration" -}}
- name: migrate
  image: {{ include "vow.image" .root }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: [migrate, {{ .component }}]
  env:
    {{- $env := include "vow.databaseEnv" . | fromYaml }}
    {{- with .set.migrations.runtimeRole }}
    {{- $_ := set $env "VOW_RUNTIME_ROLE" . }}
    {{- end }}
    {{- include "vow.env" $env | trim | nindent 4 }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  securityContext:
    {{- include "vow.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: {{ .volume }}, mountPath: /etc/vow/database, readOnly: true}
{{- end -}}

{{- /* The pod's spec. The context is a service of "vow.service" with `root`. */ -}}
{{- define "vow.pod" -}}
{{- $sqlite := eq .root.Values.database.engine "sqlite" -}}
{{- $initial := and (not $sqlite) (eq .root.Values.migrations.mode "initContainer") -}}
{{- $published := ternary .root.Values.publishedLog (dict) (eq .key "disclosureAudit") -}}
serviceAccountName: {{ .account }}
{{ include "vow.podBasics" . }}
{{- /* Drain, then grace, then what is left to close: the process ends before it is killed. */}}
terminationGracePeriodSeconds: {{ add .set.drainSeconds .set.gracePeriodSeconds 15 }}
{{- with .set.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .set.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .set.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .set.affinity }}
affinity:
  {{- tpl (toYaml .) $.root | nindent 2 }}
{{- end }}
{{- with .set.topologySpreadConstraints }}
{{- $selector := dict "matchLabels" (include "vow.selector" $ | fromYaml) }}
topologySpreadConstraints:
  {{- range . }}
  - {{- merge (dict) . (dict "labelSelector" $selector) | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- if $initial }}
initContainers:
  {{- include "vow.migration" (merge (dict "volume" "migration-database") .) | nindent 2 }}
{{- end }}
containers:
  - name: vow
    image: {{ include "vow.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: [serve, {{ .component }}]
    ports:
      - {name: grpc, containerPort: {{ .root.Values.ports.grpc }}, protocol: TCP}
      - {name: admin, containerPort: {{ .root.Values.ports.admin }}, protocol: TCP}
      {{- if $published.serve }}
      - {name: tiles, containerPort: {{ .root.Values.ports.tiles }}, protocol: TCP}
      {{- end }}
    {{- with $published.existingSecret }}
    envFrom:
      - secretRef: {name: {{ . | quote }}}
    {{- end }}
    env:
      {{- $env := include "vow.serviceEnv" . | fromYaml }}
      {{- /* Each whole: two sources of one variable laid upon each other are none. */}}
      {{- range $name, $value := .set.extraEnv }}
      {{- $_ := set $env $name $value }}
      {{- if kindIs "invalid" $value }}
      {{- $_ := unset $env $name }}
      {{- end }}
      {{- end }}
      {{- include "vow.env" $env | trim | nindent 6 }}
    startupProbe:
      {{- include "vow.probe" (dict "path" "/livez" "timing" .set.probes.startup) | nindent 6 }}
    readinessProbe:
      {{- include "vow.probe" (dict "path" "/readyz" "timing" .set.probes.readiness) | nindent 6 }}
    livenessProbe:
      {{- include "vow.probe" (dict "path" "/livez" "timing" .set.probes.liveness) | nindent 6 }}
    {{- with .set.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      {{- include "vow.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - {name: keys, mountPath: /etc/vow/keys, readOnly: true}
      - {name: shared, mountPath: /etc/vow/shared, readOnly: true}
      - {name: tls, mountPath: /etc/vow/tls, readOnly: true}
      {{- if $sqlite }}
      - {name: data, mountPath: /var/lib/vow}
      - {name: temporary, mountPath: /tmp}
      {{- else }}
      - {name: database, mountPath: /etc/vow/database, readOnly: true}
      {{- end }}
      {{- if $published.trustPolicy }}
      - {name: trust, mountPath: /etc/vow/trust, readOnly: true}
      {{- end }}
      {{- with .set.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- with .set.extraContainers }}
  {{- tpl (toYaml .) $.root | nindent 2 }}
  {{- end }}
volumes:
  - name: keys
    secret:
      secretName: {{ .keysSecret }}
      defaultMode: 0440
      items:
        - {key: key-encryption.keys, path: key-encryption.keys}
        {{- if .signs }}
        - {key: signing.key, path: signing.key}
        {{- end }}
  - name: shared
    configMap:
      name: {{ include "vow.sharedConfigMap" .root }}
  - name: tls
    {{- include "vow.tlsVolume" . | nindent 4 }}
  {{- if $sqlite }}
  - name: data
    {{- if .set.storage.persistent }}
    persistentVolumeClaim:
      claimName: {{ .name }}
    {{- else }}
    emptyDir: {}
    {{- end }}
  - name: temporary
    emptyDir: {}
  {{- else }}
  {{- include "vow.databaseVolume" (dict "name" "database" "secret" .databaseSecret "set" .set) | nindent 2 }}
  {{- end }}
  {{- if $initial }}
  {{- include "vow.databaseVolume" (dict "name" "migration-database" "secret" .migrationSecret "set" .set) | nindent 2 }}
  {{- end }}
  {{- with $published.trustPolicy }}
  - name: trust
    configMap:
      name: {{ . }}
  {{- end }}
  {{- with .set.extraVolumes }}
  {{- tpl (toYaml .) $.root | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "vow.sharedConfigMap" -}}
{{- default (printf "%s-shared" (include "vow.fullname" .)) .Values.shared.existingConfigMap -}}
{{- end -}}

{{- define "vow.tlsVolume" -}}
{{- if eq .root.Values.tls.source "spiffe" -}}
csi:
  driver: {{ .root.Values.tls.spiffe.driver }}
  readOnly: true
  {{- with .set.podSecurity.fsGroup }}
  volumeAttributes:
    {{ $.root.Values.tls.spiffe.driver }}/fs-group: {{ int . | quote }}
  {{- end }}
{{- else -}}
secret:
  secretName: {{ .tlsSecret }}
  defaultMode: 0440
{{- end -}}
{{- end -}}
