{{/* Names, labels and the parts that all pods have. */}}
{{- define "limit-audit.name" -}}
{{- printf "%s-%s" .Release.Name "limit-audit" | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "limit-audit.labels" -}}
app.kubernetes.io/name: limit-audit
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "limit-audit.image" -}}
{{- printf "%s:%s" (index .root.Values.image .kind) (.root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end }}

{{- define "limit-audit.pod" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- if not .Values.storage.ownRole }}
automountServiceAccountToken: false
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "limit-audit.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "limit-audit.environment" -}}
- {name: LIMIT_AUDIT_DATABASE_URL_FILE, value: /run/secrets/limit-audit/database_url}
- {name: LIMIT_AUDIT_BROKER_URL_FILE, value: /run/secrets/limit-audit/broker_url}
- {name: LIMIT_AUDIT_STORAGE_DIR, value: /data}
- {name: LIMIT_AUDIT_AUTHENTICATION, value: keys}
- {name: LIMIT_AUDIT_LOG_FORMAT, value: json}
{{- with .Values.storage }}
{{- if .url }}
- {name: LIMIT_AUDIT_STORAGE_URL, value: {{ .url | quote }}}
{{- if .endpoint }}
- {name: LIMIT_AUDIT_STORAGE_ENDPOINT, value: {{ .endpoint | quote }}}
{{- end }}
{{- if .region }}
- {name: LIMIT_AUDIT_STORAGE_REGION, value: {{ .region | quote }}}
{{- end }}
{{- if not .ownRole }}
- {name: LIMIT_AUDIT_STORAGE_KEY_ID_FILE, value: /run/secrets/limit-audit/storage_key_id}
- {name: LIMIT_AUDIT_STORAGE_SECRET_FILE, value: /run/secrets/limit-audit/storage_secret}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "limit-audit.mounts" -}}
- {name: secrets, mountPath: /run/secrets/limit-audit, readOnly: true}
- {name: files, mountPath: /data}
- {name: scratch, mountPath: /tmp}
{{- end }}

{{- define "limit-audit.volumes" -}}
- name: secrets
  secret: {secretName: {{ .Values.secretName }}, defaultMode: 0440}
- name: files
{{- if .Values.storage.existingClaim }}
  persistentVolumeClaim: {claimName: {{ .Values.storage.existingClaim }}}
{{- else }}
  emptyDir: {sizeLimit: {{ .Values.storage.cacheSize }}}
{{- end }}
- name: scratch
  emptyDir: {}
{{- end }}

{{/* The unfinished work of a pool: queued and running, so that nothing that runs is scaled away. */}}
{{- define "limit-audit.trainingQuery" -}}
{{- $where := "" -}}
{{- if .queues -}}
{{- $where = printf " AND queue IN ('%s')" (join "', '" (splitList "," .queues)) -}}
{{- end -}}
SELECT (SELECT count(*) FROM runs WHERE status IN ('queued', 'running'){{ $where }}) + (SELECT count(*) FROM feature_shards WHERE status IN ('queued', 'running'){{ $where }})
{{- end }}
