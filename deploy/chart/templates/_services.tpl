{{- /* The four services: what each one is, and what it is told. */ -}}

{{- /*
What is true of a service whatever the values say: the variable that names the key it signs with, whether it
verifies grants, and whom it calls. The arrows are those of ARCHITECTURE.md.
*/ -}}
{{- define "vow.table" -}}
disclosureAudit: {component: disclosure-audit, signs: VOW_LOG_KEY, verifies: false, calls: []}
consent: {component: consent, signs: VOW_GRANT_KEY, verifies: false, calls: [disclosureAudit]}
paymentsData: {component: payments-data, verifies: true, calls: [disclosureAudit, consent]}
identity: {component: identity, signs: VOW_CERTIFICATE_KEY, verifies: true, calls: [disclosureAudit, consent, paymentsData]}
{{- end -}}

{{- /* The keys of the table, from the one that calls nobody to the one that calls all. */ -}}
{{- define "vow.keys" -}}
[disclosureAudit, consent, paymentsData, identity]
{{- end -}}

{{- /*
Lays the map `over` upon the map `base`, in place. Unlike `mergeOverwrite`, a zero, a false or an empty text
counts, and null takes a key away.
*/ -}}
{{- define "vow.overlay" -}}
{{- range $key, $value := .over -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $.base $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $.base $key)) -}}
{{- include "vow.overlay" (dict "base" (get $.base $key) "over" $value) -}}
{{- else -}}
{{- $_ := set $.base $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A service as YAML: its row of the table, its names, and `set`: the defaults under its own values. */ -}}
{{- define "vow.service" -}}
{{- $service := get (include "vow.table" .root | fromYaml) .key -}}
{{- $set := deepCopy .root.Values.defaults -}}
{{- include "vow.overlay" (dict "base" $set "over" (get .root.Values.services .key)) -}}
{{- $name := printf "%s-%s" (include "vow.fullname" .root) $service.component -}}
{{- $secret := default $name $set.existingSecret -}}
{{- $account := $set.serviceAccount -}}
{{- $_ := set $service "key" .key -}}
{{- $_ := set $service "set" $set -}}
{{- $_ := set $service "name" $name -}}
{{- $_ := set $service "keysSecret" $secret -}}
{{- $_ := set $service "databaseSecret" (default $secret $set.database.existingSecret) -}}
{{- $_ := set $service "migrationSecret" (default (printf "%s-migrate" $name) $set.migrations.existingSecret) -}}
{{- $_ := set $service "tlsSecret" (default (printf "%s-tls" $name) $set.tls.existingSecret) -}}
{{- $_ := set $service "account" (default (ternary $name "default" $account.create) $account.name) -}}
{{- $_ := set $service "scales" $set.autoscaling.enabled -}}
{{- $_ := set $service "replicas" (ternary $set.autoscaling.minReplicas $set.replicas $set.autoscaling.enabled) -}}
{{- toYaml $service -}}
{{- end -}}

{{- /* The id that a service proves. The CSI driver gives an id by account, everybody else the program's own form. */ -}}
{{- define "vow.spiffeId" -}}
{{- $tls := .root.Values.tls -}}
{{- if eq $tls.source "spiffe" -}}
spiffe://{{ $tls.trustDomain }}/ns/{{ include "vow.namespace" .root }}/sa/{{ .service.account }}
{{- else -}}
spiffe://{{ $tls.trustDomain }}/workload/{{ .service.component }}
{{- end -}}
{{- end -}}

{{- /* Where a service is called: all its pods, each of which must prove the service's id. */ -}}
{{- define "vow.address" -}}
https://{{ .service.name }}-headless:{{ .root.Values.ports.grpc }}#{{ include "vow.spiffeId" . }}
{{- end -}}

{{- /* The variables of the four addresses, or of those that a service calls. */ -}}
{{- define "vow.addresses" -}}
{{- range $key := .keys }}
{{- $service := include "vow.service" (dict "root" $.root "key" $key) | fromYaml }}
VOW_{{ $service.component | replace "-" "_" | upper }}: {{ include "vow.address" (dict "root" $.root "service" $service) }}
{{- end }}
{{- end -}}
