{{- /* Names and labels. */ -}}

{{- define "vow.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 37 | trimSuffix "-" -}}
{{- end -}}

{{- /* Short enough that the longest name made of it, `-disclosure-audit-headless`, is a DNS label. */ -}}
{{- define "vow.fullname" -}}
{{- $name := include "vow.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | replace "." "-" | trunc 37 | trimSuffix "-" -}}
{{- end -}}

{{- define "vow.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "vow.version" -}}
{{- default .Chart.AppVersion .Values.image.tag | trunc 63 | trimAll "-._" -}}
{{- end -}}

{{- /* What a selector may say, for a component: it never changes. */ -}}
{{- define "vow.selector" -}}
app.kubernetes.io/name: {{ include "vow.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /* The labels of a pod of a component, with `labels` that somebody added. */ -}}
{{- define "vow.podLabels" -}}
{{- $own := include "vow.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" (include "vow.version" .root) -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "vow" -}}
{{- merge $own (.labels | default dict) (.root.Values.commonLabels | default dict) | toYaml -}}
{{- end -}}

{{- /* The metadata of an object: `name`, `component`, and more `labels` and `annotations` where given. */ -}}
{{- define "vow.metadata" -}}
{{- $own := dict "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
name: {{ .name }}
namespace: {{ .namespace | default (include "vow.namespace" .root) }}
labels:
  {{- merge $own (include "vow.podLabels" . | fromYaml) | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "vow.image" -}}
{{- $image := .Values.image -}}
{{- $registry := default $image.registry .Values.global.imageRegistry -}}
{{- $name := ternary (printf "%s/%s" $registry $image.repository) $image.repository (ne $registry "") -}}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}
{{- else }}{{ $name }}:{{ default .Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{- define "vow.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
