package main

import (
	"fmt"
	"strings"
)

// Placeholders in the manifests: @name, @app, @i and @routes.

// routes are a longer file in every ConfigMap, about 2 KB.
var routes = strings.Repeat(`- match: {path: /api/v1/orders, methods: [GET, POST]}\n  upstream: {service: orders, port: 8080, timeout: 5s, retries: 2}\n`, 16)

// ordinary are the ten kinds that an app repeats. Nothing in them starts a pod,
// and nothing needs a controller that would go on writing.
var ordinary = []string{
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":0,"revisionHistoryLimit":3,"selector":{"matchLabels":{"app.kubernetes.io/name":"@name"}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1,"maxUnavailable":0}},"template":{"metadata":{"labels":{"app.kubernetes.io/name":"@name","app.kubernetes.io/instance":"@app","app.kubernetes.io/version":"1.4.@i"},"annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"9090"}},"spec":{"serviceAccountName":"@app","terminationGracePeriodSeconds":45,"securityContext":{"runAsNonRoot":true,"runAsUser":10001,"fsGroup":10001},"containers":[{"name":"main","image":"registry.example.com/@app/service:1.4.@i","imagePullPolicy":"IfNotPresent","args":["--config=/etc/service/settings.yaml","--log-format=json","--listen=:8080"],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"},{"name":"metrics","containerPort":9090,"protocol":"TCP"}],"env":[{"name":"REGION","value":"eu-central-1"},{"name":"QUEUE_URL","value":"amqp://queue.@app.svc.cluster.local:5672/@name"},{"name":"DATABASE_HOST","value":"db.@app.svc.cluster.local"},{"name":"FEATURE_FLAGS","value":"checkout,search,recommendations"},{"name":"GOMEMLIMIT","value":"230MiB"},{"name":"POD_NAME","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}],"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"memory":"256Mi"}},"livenessProbe":{"httpGet":{"path":"/healthz","port":"http","scheme":"HTTP"},"initialDelaySeconds":5,"periodSeconds":10},"readinessProbe":{"httpGet":{"path":"/readyz","port":"http","scheme":"HTTP"},"periodSeconds":5},"securityContext":{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}},"volumeMounts":[{"name":"settings","mountPath":"/etc/service"},{"name":"tmp","mountPath":"/tmp"}]}],"volumes":[{"name":"settings","configMap":{"name":"@name-settings"}},{"name":"tmp","emptyDir":{}}]}}}}`,
	`{"apiVersion":"v1","kind":"Service","spec":{"selector":{"app.kubernetes.io/name":"@name"},"ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":"http"},{"name":"metrics","port":9090,"protocol":"TCP","targetPort":"metrics"}]}}`,
	`{"apiVersion":"v1","kind":"ConfigMap","data":{"region":"eu","currency":"EUR","routes.yaml":"@routes","settings.yaml":"log:\n  level: info\n  format: json\nqueue:\n  url: amqp://queue.@app.svc.cluster.local:5672/@name\n  prefetch: 32\n  retry: {attempts: 5, backoff: 250ms, maximum: 30s}\ndatabase:\n  host: db.@app.svc.cluster.local\n  pool: {minimum: 2, maximum: 16, idle: 5m}\n  migrations: [2024-11-02-orders, 2025-01-17-refunds, 2025-06-30-ledger]\nhttp:\n  listen: :8080\n  timeouts: {read: 5s, write: 10s, idle: 60s}\n  limits: {body: 1MiB, headers: 16KiB, rate: 200}\nfeatures:\n  checkout: true\n  search: true\n  recommendations: false\n  gift-cards: {enabled: true, currencies: [EUR, CHF, SEK, DKK, PLN]}\ntracing:\n  endpoint: otel-collector.observability.svc.cluster.local:4317\n  sampling: 0.05\n"}}`,
	`{"apiVersion":"v1","kind":"ServiceAccount","automountServiceAccountToken":false}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","spec":{"podSelector":{"matchLabels":{"app.kubernetes.io/name":"@name"}},"policyTypes":["Ingress","Egress"],"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"ingress"}}}],"ports":[{"port":8080,"protocol":"TCP"}]}],"egress":[{"to":[{"namespaceSelector":{"matchLabels":{"team":"data"}}}],"ports":[{"port":5432,"protocol":"TCP"}]}]}}`,
	`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","spec":{"minAvailable":1,"selector":{"matchLabels":{"app.kubernetes.io/name":"@name"}}}}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":[{"apiGroups":[""],"resources":["configmaps","secrets"],"verbs":["get","list","watch"]},{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["get","create","update"]}]}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","spec":{"ingressClassName":"public","tls":[{"hosts":["@name.example.com"],"secretName":"@name-tls"}],"rules":[{"host":"@name.example.com","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"@name","port":{"name":"http"}}}}]}}]}}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"@app-reader"},"subjects":[{"kind":"ServiceAccount","name":"@app","namespace":"@app"},{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"storefront-oncall"}]}`,
	`{"apiVersion":"batch/v1","kind":"CronJob","spec":{"schedule":"0 3 1 1 *","suspend":true,"concurrencyPolicy":"Forbid","jobTemplate":{"spec":{"backoffLimit":2,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"job","image":"registry.example.com/@app/job:1.4.@i","args":["--task=cleanup","--older-than=720h"],"resources":{"requests":{"cpu":"50m","memory":"64Mi"}}}]}}}}}}`,
}

// quirky are shapes that a server stores in another way than they are written,
// so that an apply is hard to prove a no-op without asking the server.
var quirky = []string{
	// Quantities in another unit, a port without protocol, zero and empty values.
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":0,"selector":{"matchLabels":{"app":"@name"}},"strategy":{},"template":{"metadata":{"creationTimestamp":null,"labels":{"app":"@name"}},"spec":{"hostNetwork":false,"tolerations":[],"nodeSelector":{},"containers":[{"name":"main","image":"registry.example.com/@app:1.4.@i","ports":[{"containerPort":8080}],"env":[{"name":"EMPTY","value":""},{"name":"A","value":"1000m"}],"resources":{"requests":{"cpu":"1000m","memory":"1024Mi"},"limits":{"cpu":2}}},{"name":"side","image":"registry.example.com/side:1","resources":{}}]}}}}`,
	`{"apiVersion":"v1","kind":"Service","spec":{"selector":{"app":"@name"},"ports":[{"name":"http","port":80,"targetPort":8080}]}}`,
	`{"apiVersion":"v1","kind":"Secret","stringData":{"username":"svc-@app","password":"not-a-secret-@i"}}`,
	`{"apiVersion":"apps/v1","kind":"StatefulSet","spec":{"replicas":0,"serviceName":"@name","selector":{"matchLabels":{"app":"@name"}},"template":{"metadata":{"labels":{"app":"@name"}},"spec":{"containers":[{"name":"db","image":"registry.example.com/db:15","volumeMounts":[{"name":"data","mountPath":"/data"}]}]}},"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1024Mi"}}}}]}}`,
	`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{},"creationTimestamp":null},"data":{"empty":"","region":"eu"}}`,
	`{"apiVersion":"batch/v1","kind":"CronJob","spec":{"schedule":"0 3 1 1 *","suspend":true,"jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","hostNetwork":false,"containers":[{"name":"job","image":"registry.example.com/job:@i","resources":{"requests":{"cpu":"0.5","memory":"0.5Gi"}}}]}}}}}}`,
}

// Sizes of the large CustomResourceDefinitions: about 200 KB of JSON each, as
// those of Prometheus, Argo and Crossplane are.
const (
	crdGroups = 40
	crdFields = 40
)

// largeCRD is a definition with many described fields, and no instances. The
// prefix is in the API group, because a CRD's name belongs to the whole cluster.
func largeCRD(prefix string, i int) string {
	var groups []string
	for g := range crdGroups {
		var fields []string
		for f := range crdFields {
			fields = append(fields, fmt.Sprintf(`"field%d":{"type":"string","description":"Field %d of group %d says what the operator is to do about it when it is set, and nothing else."}`, f, f, g))
		}
		groups = append(groups, fmt.Sprintf(`"group%d":{"type":"object","properties":{%s}}`, g, strings.Join(fields, ",")))
	}
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things%d.%s.example.com"},"spec":{"group":"%s.example.com","scope":"Namespaced","names":{"kind":"Thing%d","listKind":"Thing%dList","plural":"things%d","singular":"thing%d"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{%s}}}}}}]}}`,
		i, prefix, prefix, i, i, i, i, strings.Join(groups, ","))
}
