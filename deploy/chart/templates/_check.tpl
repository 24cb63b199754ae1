{{- /* What one value cannot know of another: each contradiction is a sentence, and nothing is rendered. */ -}}
{{- define "vow.check" -}}
{{- $values := .Values -}}
{{- $sqlite := eq $values.database.engine "sqlite" -}}
{{- $said := list -}}
{{- $single := "database.engine postgresql; SQLite is one process per file" -}}
{{- if and (eq $values.tls.source "certManager") (not $values.tls.certManager.issuerRef.name) -}}
{{- $said = append $said "tls.source is certManager: name the issuer in tls.certManager.issuerRef.name" -}}
{{- end -}}
{{- if and (ne $values.tls.source "certManager") $values.tls.certManager.issuerRef.name -}}
{{- $said = append $said (printf "tls.certManager.issuerRef.name is set, but tls.source is %s" $values.tls.source) -}}
{{- end -}}
{{- if and $values.serviceMonitor.enabled $values.podMonitor.enabled -}}
{{- $said = append $said "serviceMonitor and podMonitor together count everything twice: enable one of them" -}}
{{- end -}}
{{- if eq $values.ports.grpc $values.ports.admin -}}
{{- $said = append $said "ports.grpc and ports.admin are the same" -}}
{{- end -}}
{{- if or (eq $values.ports.grpc $values.ports.tiles) (eq $values.ports.admin $values.ports.tiles) -}}
{{- $said = append $said "ports.tiles is the same as another port" -}}
{{- end -}}
{{- $published := $values.publishedLog -}}
{{- if and (not $sqlite) (not $published.bucket) (or $published.serve $published.trustPolicy) -}}
{{- $said = append $said "publishedLog: on PostgreSQL its replicas need a place they share: name publishedLog.bucket" -}}
{{- end -}}
{{- if and $published.existingSecret (not $published.bucket) -}}
{{- $said = append $said "publishedLog.existingSecret is set, but publishedLog.bucket is not" -}}
{{- end -}}
{{- $fullname := include "vow.fullname" . -}}
{{- if not (regexMatch "^[a-z]" $fullname) -}}
{{- $said = append $said (printf "%s: the name of a Service begins with a letter: set fullnameOverride" $fullname) -}}
{{- end -}}
{{- $accounts := dict -}}
{{- range $key := include "vow.keys" . | fromYamlArray -}}
{{- $service := include "vow.service" (dict "root" $ "key" $key) | fromYaml -}}
{{- $set := $service.set -}}
{{- if and $sqlite $set.autoscaling.enabled -}}
{{- $said = append $said (printf "%s: autoscaling needs %s" $key $single) -}}
{{- else if and $sqlite (gt (int $set.replicas) 1) -}}
{{- $said = append $said (printf "%s: %d replicas need %s: set replicas to 1" $key (int $set.replicas) $single) -}}
{{- end -}}
{{- if and $set.autoscaling.enabled (gt (int $set.autoscaling.minReplicas) (int $set.autoscaling.maxReplicas)) -}}
{{- $said = append $said (printf "%s: autoscaling.minReplicas is more than maxReplicas" $key) -}}
{{- end -}}
{{- if and (eq $values.tls.source "spiffe") $set.tls.existingSecret -}}
{{- $said = append $said (printf "%s: tls.existingSecret is set, but tls.source is spiffe" $key) -}}
{{- end -}}
{{- $proves := eq $values.tls.source "spiffe" -}}
{{- if and $proves (eq $service.account "default") -}}
{{- $said = append $said (printf "%s: tls.source spiffe proves a service by its account: name one of its own" $key) -}}
{{- else if and (or $proves $set.serviceAccount.create) (hasKey $accounts $service.account) -}}
{{- $said = append $said (printf "%s: serviceAccount.name is that of %s: each has its own" $key (get $accounts $service.account)) -}}
{{- end -}}
{{- $_ := set $accounts $service.account $key -}}
{{- range $name := list "keysUrlKey" "caKey" -}}
{{- if and $sqlite (get $set.database $name) -}}
{{- $said = append $said (printf "%s: database.%s is set, but database.engine is sqlite" $key $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $said -}}
{{- fail (printf "\n\nvow: these values contradict each other\n  - %s\n" (join "\n  - " .)) -}}
{{- end -}}
{{- end -}}
