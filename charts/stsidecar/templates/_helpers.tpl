{{- define "stsidecar.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters, so that "-injector" and "-workloads" still fit into 63. */}}
{{- define "stsidecar.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "stsidecar.injector" -}}
{{- printf "%s-injector" (include "stsidecar.fullname" .) -}}
{{- end -}}

{{- define "stsidecar.selectorLabels" -}}
app.kubernetes.io/name: {{ include "stsidecar.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of every object; the component is added by each. */}}
{{- define "stsidecar.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "stsidecar.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "stsidecar.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "stsidecar.injector" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed with serviceAccount.create=false: name the ServiceAccount that exists" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "stsidecar.registry" -}}
{{- default .Values.image.registry .Values.global.imageRegistry -}}
{{- end -}}

{{- define "stsidecar.image" -}}
{{- with include "stsidecar.registry" . }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end -}}
{{- end -}}

{{/* The Secret of mode self, which Helm makes and removes: no other mode uses its name. */}}
{{- define "stsidecar.ownSecret" -}}
{{- printf "%s-tls" (include "stsidecar.injector" .) -}}
{{- end -}}

{{/*
The Secret of the webhook's certificate. Of another name in each mode: Helm takes over no Secret that cert-manager made,
and removes its own under the pods of the mode that follows.
*/}}
{{- define "stsidecar.certificateSecret" -}}
{{- if eq .Values.injector.certs.mode "external" -}}
{{- required "injector.certs.external.secretName is needed with injector.certs.mode=external: name the Secret with tls.crt, tls.key and ca.crt" .Values.injector.certs.external.secretName -}}
{{- else if eq .Values.injector.certs.mode "certManager" -}}
{{- printf "%s-cert-manager" (include "stsidecar.injector" .) -}}
{{- else -}}
{{- include "stsidecar.ownSecret" . -}}
{{- end -}}
{{- end -}}

{{/* Namespaces that never reach the webhook: the configured ones and the release's. */}}
{{- define "stsidecar.excludedNamespaces" -}}
{{- toJson (append (default list .Values.injector.webhook.excludedNamespaces) .Release.Namespace | uniq) -}}
{{- end -}}

{{/* Excluded namespaces in which pods that ask are injected once they are labelled; the release's is never one. */}}
{{- define "stsidecar.optInNamespaces" -}}
{{- $names := list -}}
{{- range .Values.injector.webhook.optInNamespaces -}}
{{- if and (has . (default list $.Values.injector.webhook.excludedNamespaces)) (ne . $.Release.Namespace) -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Namespaces whose pods are never injected, whatever their labels are. */}}
{{- define "stsidecar.unreachedNamespaces" -}}
{{- $optIn := include "stsidecar.optInNamespaces" . | fromJsonArray -}}
{{- $names := list -}}
{{- range include "stsidecar.excludedNamespaces" . | fromJsonArray -}}
{{- if not (has . $optIn) -}}{{- $names = append $names . -}}{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Not empty when injector.allowedRoleArns lets the pod of `helm test` name its role; patterns as the injector has them. */}}
{{- define "stsidecar.testsRoleIsAllowed" -}}
{{- $tests := .Values.tests -}}
{{- $rules := .Values.injector.allowedRoleArns -}}
{{- if not $rules -}}true{{- end -}}
{{- range $rules -}}
{{- $roleArns := .roleArns -}}
{{- range .namespaces -}}
{{- if regexMatch (include "stsidecar.pattern" .) $tests.namespace -}}
{{- range $roleArns -}}
{{- if regexMatch (include "stsidecar.pattern" .) $tests.roleArn -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A regular expression for a pattern with * and ?. */}}
{{- define "stsidecar.pattern" -}}
{{- printf "^%s$" (regexQuoteMeta . | replace "\\*" ".*" | replace "\\?" ".") -}}
{{- end -}}

{{/* merge [defaults, values]: the values win, and keys that they set to null are removed. */}}
{{- define "stsidecar.merged" -}}
{{- $defaults := index . 0 -}}
{{- $values := index . 1 -}}
{{- $merged := dict -}}
{{- range $key, $value := $defaults -}}
{{- if not (hasKey $values $key) -}}{{- $_ := set $merged $key $value -}}{{- end -}}
{{- end -}}
{{- range $key, $value := $values -}}
{{- if not (kindIs "invalid" $value) -}}{{- $_ := set $merged $key $value -}}{{- end -}}
{{- end -}}
{{- toYaml $merged -}}
{{- end -}}

{{- define "stsidecar.podSecurityContext" -}}
{{- include "stsidecar.merged" (list (dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault")) .Values.injector.podSecurityContext) -}}
{{- end -}}

{{- define "stsidecar.securityContext" -}}
{{- include "stsidecar.merged" (list (dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "runAsNonRoot" true "capabilities" (dict "drop" (list "ALL")) "seccompProfile" (dict "type" "RuntimeDefault")) .Values.injector.securityContext) -}}
{{- end -}}

{{/* render [context, renderMode, value's name]: "true" when objects of monitoring.coreos.com/v1 are to be rendered. */}}
{{- define "stsidecar.rendersMonitoring" -}}
{{- $context := index . 0 -}}
{{- $mode := index . 1 -}}
{{- if or (eq $mode "alwaysRender") ($context.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") -}}
true
{{- else if eq $mode "failIfMissing" -}}
{{- fail (printf "%s: the cluster does not know monitoring.coreos.com/v1; install the Prometheus operator, or set renderMode to skipIfMissing or alwaysRender" (index . 2)) -}}
{{- end -}}
{{- end -}}

{{/* What the image is built for; a value that is taken out is the default. */}}
{{- define "stsidecar.architectures" -}}
{{- toJson (default (list "amd64") .Values.injector.agentArchitectures) -}}
{{- end -}}

{{/*
affinity [context, affinity]: the affinity, narrowed to nodes that the image is built for. One of the terms must hold, so
each gets the requirement; one without requirements matches no node, and stays so.
*/}}
{{- define "stsidecar.affinity" -}}
{{- $built := include "stsidecar.architectures" (index . 0) | fromJsonArray -}}
{{- $affinity := deepCopy (default dict (index . 1)) -}}
{{- if not (and (has "amd64" $built) (has "arm64" $built)) -}}
{{- $wanted := dict "key" "kubernetes.io/arch" "operator" "In" "values" $built -}}
{{- $node := default dict $affinity.nodeAffinity -}}
{{- $required := default dict $node.requiredDuringSchedulingIgnoredDuringExecution -}}
{{- $terms := list -}}
{{- range $required.nodeSelectorTerms -}}
{{- if or .matchExpressions .matchFields -}}
{{- $terms = append $terms (set . "matchExpressions" (append (default list .matchExpressions) $wanted)) -}}
{{- else -}}
{{- $terms = append $terms . -}}
{{- end -}}
{{- end -}}
{{- $terms = default (list (dict "matchExpressions" (list $wanted))) $terms -}}
{{- $node = set $node "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- $affinity = set $affinity "nodeAffinity" $node -}}
{{- end -}}
{{- with $affinity -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/* The injector's configuration file; configmap.yaml describes it. */}}
{{- define "stsidecar.config" -}}
{{- $injector := .Values.injector -}}
{{- $image := dict "registry" (include "stsidecar.registry" .) "repository" .Values.image.repository "tag" (default .Chart.AppVersion .Values.image.tag) "digest" .Values.image.digest "pullPolicy" .Values.image.pullPolicy -}}
{{- $certs := dict "mode" $injector.certs.mode "secretName" (include "stsidecar.certificateSecret" .) -}}
{{- if eq $injector.certs.mode "self" -}}
{{- $certs = merge $certs $injector.certs.self -}}
{{- else if eq $injector.certs.mode "certManager" -}}
{{- $certs = merge $certs (pick $injector.certs.certManager "renewBefore") -}}
{{- end -}}
{{- $settings := dict
  "namespace" .Release.Namespace
  "release" .Release.Name
  "serviceName" (include "stsidecar.injector" .)
  "webhookConfiguration" (include "stsidecar.injector" .)
  "port" $injector.port
  "metricsPort" $injector.metricsPort
  "log" $injector.log
  "certs" $certs
  "excludedNamespaces" (include "stsidecar.excludedNamespaces" . | fromJsonArray)
  "allowImageOverride" $injector.allowImageOverride
  "allowedRoleArns" $injector.allowedRoleArns
  "strictEnvironment" $injector.strictEnvironment
  "strictEnvFrom" $injector.strictEnvFrom
  "meshProxies" $injector.meshProxies
  "skippedContainers" $injector.skippedContainers
  "agentArchitectures" (include "stsidecar.architectures" . | fromJsonArray)
-}}
{{- if $injector.clientCA.configMap -}}
{{- $_ := set $settings "clientCaFile" "/etc/stsidecar-injector/client-ca/ca.crt" -}}
{{- end -}}
{{- toYaml (dict "image" $image "agent" .Values.agent "injector" $settings) -}}
{{- end -}}

{{/*
The same as the webhook configuration carries it, on one line. Nothing when it is too long: an API server takes 256 KiB of
annotations, of which the injector's record of CAs needs some, and a ConfigMap may have 1 MiB.
*/}}
{{- define "stsidecar.carriedConfig" -}}
{{- $config := include "stsidecar.config" . | fromYaml | toJson -}}
{{- if le (len $config) 196608 -}}{{- $config -}}{{- end -}}
{{- end -}}

{{/*
What to do about another release's webhooks, one line for each of their configurations. Webhook names tell them, since
nameOverride and commonLabels change labels. Nothing without a cluster, where lookup finds nothing.
*/}}
{{- define "stsidecar.otherReleases" -}}
{{- $own := false -}}
{{- $lines := list -}}
{{- range (lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" "").items -}}
{{- $names := list -}}
{{- range .webhooks -}}{{- $names = append $names .name -}}{{- end -}}
{{- $annotations := default dict .metadata.annotations -}}
{{- $labels := default dict .metadata.labels -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" -}}
{{- $remove := printf "kubectl delete mutatingwebhookconfigurations,validatingadmissionpolicybindings,validatingadmissionpolicies,clusterrolebindings,clusterroles -l app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s" (get $labels "app.kubernetes.io/name") (get $labels "app.kubernetes.io/instance") -}}
{{- if not (has "pods.stsidecar.dev" $names) -}}
{{- else if and (eq $release $.Release.Name) (eq $namespace $.Release.Namespace) -}}
{{- $own = true -}}
{{- else if $release -}}
{{- $lines = append $lines (printf "release %s in namespace %s (MutatingWebhookConfiguration %s): upgrade that one, or first helm uninstall %s --namespace %s; where helm list --namespace %s does not show it, it was left behind: %s" $release $namespace .metadata.name $release $namespace $namespace $remove) -}}
{{- else if ne .metadata.name (include "stsidecar.injector" $) -}}
{{- $lines = append $lines (printf "MutatingWebhookConfiguration %s, which is of no release of Helm: first remove it with what made it (kubectl, Argo CD); where that is gone, it was left behind: %s" .metadata.name $remove) -}}
{{- end -}}
{{- end -}}
{{- /* An upgrade of an injector that is there is never refused, whatever else is. */ -}}
{{- $isNew := or .Release.IsInstall (not (or $own (lookup "apps/v1" "Deployment" .Release.Namespace (include "stsidecar.injector" .)))) -}}
{{- if $isNew -}}{{- join "; also " $lines -}}{{- end -}}
{{- end -}}

{{/* The name of the admin port that the injector gives the sidecar; at most 15 characters. */}}
{{- define "stsidecar.agentPortName" -}}
stsidecar
{{- end -}}
