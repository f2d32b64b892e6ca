package reconcile_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
	"github.com/killick-dev/killick/reconcile"
)

// hand is one object, one edit by hand and what a run must say about it.
type hand struct {
	why  string
	ref  string // "apps/v1 Deployment name"
	body string // the manifest but for apiVersion, kind and metadata.name
	edit func(s *site, ref string)
	want []string // fields, as fields() words them
}

const pod = `template: {metadata: {labels: {app: x}}, spec: {containers: [{name: app, image: "example.com/app:1"`

// deployment is a spec with more in its container and beside it.
func deployment(container, beside string) string {
	return `spec: {replicas: 1, selector: {matchLabels: {app: x}}, ` + pod + container + `}]` + beside + `}}}`
}

const container = "/spec/template/spec/containers/[name=app]"

// edits by merge patch, strategic merge patch, JSON patch and server-side
// apply, under a manager's name.
func merging(manager, body string) func(*site, string) {
	return func(s *site, ref string) { s.merge(manager, ref, body) }
}

func strategic(manager, body string) func(*site, string) {
	return func(s *site, ref string) { s.strategic(manager, ref, body) }
}

func patching(manager, body string) func(*site, string) {
	return func(s *site, ref string) { s.patch(manager, ref, body) }
}

func updating(manager string, change func(map[string]any)) func(*site, string) {
	return func(s *site, ref string) { s.update(manager, ref, change) }
}

// containerPatch is a strategic patch of the container named app.
func containerPatch(manager, body string) func(*site, string) {
	return strategic(manager, `{spec: {template: {spec: {containers: [{name: app, `+body+`}]}}}}`)
}

// set changes one value of an object in place.
func set(object map[string]any, v any, path ...string) {
	for _, name := range path[:len(path)-1] {
		object = object[name].(map[string]any)
	}
	object[path[len(path)-1]] = v
}

var workloadEdits = []hand{
	{why: "an image", ref: "apps/v1 Deployment image", body: deployment("", ""),
		edit: containerPatch("kubectl-edit", `image: "example.com/app:hotfix"`),
		want: []string{"replace " + container + "/image by kubectl-edit"}},
	{why: "kubectl scale", ref: "apps/v1 Deployment scaled", body: deployment("", ""),
		edit: func(s *site, ref string) { s.scale(ref, "3") },
		want: []string{"replace /spec/replicas by kubectl"}},
	{why: "a variable added", ref: "apps/v1 Deployment env-added", body: deployment(`, env: [{name: A, value: "1"}]`, ""),
		edit: containerPatch("kubectl-set", `env: [{name: DEBUG, value: "1"}]`),
		want: []string{"add " + container + "/env/[name=DEBUG] by kubectl-set"}},
	{why: "a first variable", ref: "apps/v1 Deployment env-first", body: deployment("", ""),
		edit: containerPatch("kubectl-set", `env: [{name: DEBUG, value: ""}]`),
		want: []string{"add " + container + "/env/[name=DEBUG] by kubectl-set"}},
	{why: "a variable changed", ref: "apps/v1 Deployment env-changed", body: deployment(`, env: [{name: A, value: "1"}, {name: B, value: ""}]`, ""),
		edit: containerPatch("kubectl-set", `env: [{name: B, value: "2"}]`),
		want: []string{"replace " + container + "/env/[name=B]/value by kubectl-set"}},
	{why: "a variable removed", ref: "apps/v1 Deployment env-removed", body: deployment(`, env: [{name: A, value: "1"}, {name: B, value: "2"}]`, ""),
		edit: patching("kubectl-patch", `[{op: remove, path: /spec/template/spec/containers/0/env/1}]`),
		want: []string{"remove " + container + "/env/[name=B]"}},
	{why: "two variables that became one", ref: "apps/v1 Deployment env-twice", body: deployment(`, env: [{name: A, value: "1"}, {name: B, value: "2"}]`, ""),
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/template/spec/containers/0/env/1/name, value: A}]`),
		want: []string{"replace " + container + "/env by kubectl-edit"}},
	{why: "the only variable replaced by another", ref: "apps/v1 Deployment env-other", body: deployment(`, env: [{name: A, value: "1"}]`, ""),
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/template/spec/containers/0/env, value: [{name: B, value: "1"}]}]`),
		want: []string{"add " + container + "/env/[name=B] by kubectl-edit", "remove " + container + "/env/[name=A]"}},
	{why: "a volume's key edited, with its mount's", ref: "apps/v1 Deployment volume-renamed",
		body: deployment(`, volumeMounts: [{name: a, mountPath: /a}]`, ", volumes: [{name: a, emptyDir: {}}]"),
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/template/spec/volumes/0/name, value: z},
			{op: replace, path: /spec/template/spec/containers/0/volumeMounts/0, value: {name: z, mountPath: /z}}]`),
		want: []string{"add " + container + "/volumeMounts/[mountPath=\"~1z\"] by kubectl-edit", "add /spec/template/spec/volumes/[name=z] by kubectl-edit",
			"remove " + container + "/volumeMounts/[mountPath=\"~1a\"]", "remove /spec/template/spec/volumes/[name=a]"}},
	{why: "variables swapped", ref: "apps/v1 Deployment env-order", body: deployment(`, env: [{name: A, value: "1"}, {name: B, value: "$(A)"}]`, ""),
		edit: patching("kubectl-edit", `[{op: move, from: /spec/template/spec/containers/0/env/0, path: /spec/template/spec/containers/0/env/1}]`),
		want: []string{"replace " + container + "/env"}},
	{why: "a toleration where Git has none", ref: "apps/v1 Deployment toleration-first", body: deployment("", ""),
		edit: merging("kubectl-patch", `{spec: {template: {spec: {tolerations: [{key: spot, operator: Exists}]}}}}`),
		want: []string{"add /spec/template/spec/tolerations by kubectl-patch"}},
	{why: "one more toleration", ref: "apps/v1 Deployment toleration-more", body: deployment("", ", tolerations: [{key: a, operator: Exists}]"),
		edit: patching("kubectl-patch", `[{op: add, path: /spec/template/spec/tolerations/-, value: {key: b, operator: Exists}}]`),
		want: []string{"replace /spec/template/spec/tolerations by kubectl-patch"}},
	{why: "a volume with its mount", ref: "apps/v1 Deployment volume", body: deployment("", ""),
		edit: strategic("kubectl-edit", `{spec: {template: {spec: {volumes: [{name: tmp, emptyDir: {}}], containers: [{name: app, volumeMounts: [{name: tmp, mountPath: /tmp}]}]}}}}`),
		want: []string{"add " + container + "/volumeMounts/[mountPath=\"~1tmp\"] by kubectl-edit", "add /spec/template/spec/volumes/[name=tmp] by kubectl-edit"}},
	{why: "a container added", ref: "apps/v1 Deployment sidecar", body: deployment("", ""),
		edit: strategic("kubectl-edit", `{spec: {template: {spec: {containers: [{name: debug, image: "busybox:1"}]}}}}`),
		want: []string{"add /spec/template/spec/containers/[name=debug] by kubectl-edit"}},
	{why: "limits removed", ref: "apps/v1 Deployment limits", body: deployment(", resources: {requests: {cpu: 100m}, limits: {cpu: 1000m, memory: 1024Mi}}", ""),
		edit: patching("kubectl-edit", `[{op: remove, path: /spec/template/spec/containers/0/resources/limits}]`),
		want: []string{"remove " + container + "/resources/limits"}},
	{why: "the same quantity in other words, and one that differs", ref: "apps/v1 Deployment quantity", body: deployment(", resources: {limits: {cpu: 1000m, memory: 1024Mi}}", ""),
		edit: containerPatch("kubectl-edit", "resources: {limits: {cpu: 1, memory: 2048Mi}}"),
		want: []string{"replace " + container + "/resources/limits/memory by kubectl-edit"}},
	{why: "a whole update by a program", ref: "apps/v1 Deployment program", body: deployment("", ""),
		edit: updating("reaper", func(o map[string]any) { set(o, int64(0), "spec", "replicas"); set(o, true, "spec", "paused") }),
		want: []string{"add /spec/paused by reaper", "replace /spec/replicas by reaper"}},
	{why: "another manager's forced apply", ref: "apps/v1 Deployment applied", body: deployment("", ""),
		edit: func(s *site, ref string) {
			s.apply("kubectl", ref, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: applied, labels: {tier: web}}, spec: {template: {spec: {containers: [{name: app, image: "example.com/app:theirs"}]}}}}`)
		},
		want: []string{"add /metadata/labels/tier by kubectl", "replace " + container + "/image by kubectl"}},
	{why: "the strategy, which Git leaves to the server", ref: "apps/v1 Deployment strategy", body: deployment("", ""),
		edit: merging("kubectl-patch", `{spec: {strategy: {type: Recreate, rollingUpdate: null}}}`),
		want: []string{"add /spec/strategy by kubectl-patch"}},
	{why: "the strategy, which Git names", ref: "apps/v1 Deployment strategy-named",
		body: strings.Replace(deployment("", ""), "replicas: 1", "replicas: 1, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}", 1),
		edit: merging("kubectl-patch", `{spec: {strategy: {type: Recreate, rollingUpdate: null}}}`),
		want: []string{"remove /spec/strategy/rollingUpdate", "replace /spec/strategy/type by kubectl-patch"}},
	{why: "kubectl rollout pause", ref: "apps/v1 Deployment paused", body: deployment("", ""),
		edit: strategic("kubectl-rollout", `{spec: {paused: true}}`),
		want: []string{"add /spec/paused by kubectl-rollout"}},
	{why: "labels and annotations, on the object and on its pods", ref: "apps/v1 Deployment labels", body: deployment("", ""),
		edit: merging("kubectl-label", `{metadata: {labels: {on-call: ada}, annotations: {example.com/why: "x y"}}, spec: {template: {metadata: {labels: {canary: "yes"}}}}}`),
		want: []string{"add /metadata/annotations/example.com~1why by kubectl-label", "add /metadata/labels/on-call by kubectl-label",
			"add /spec/template/metadata/labels/canary by kubectl-label"}},
	{why: "a probe's number", ref: "apps/v1 Deployment probe", body: deployment(", livenessProbe: {httpGet: {port: 80}}", ""),
		edit: containerPatch("kubectl-edit", "livenessProbe: {failureThreshold: 99, httpGet: {port: 8080}}"),
		want: []string{"add " + container + "/livenessProbe/failureThreshold by kubectl-edit", "replace " + container + "/livenessProbe/httpGet/port by kubectl-edit"}},
	{why: "a container port renumbered", ref: "apps/v1 Deployment container-port", body: deployment(", ports: [{name: http, containerPort: 8080}]", ""),
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/template/spec/containers/0/ports/0/containerPort, value: 9090}]`),
		want: []string{"add " + container + "/ports/[containerPort=9090,protocol=TCP] by kubectl-edit", "remove " + container + "/ports/[containerPort=8080,protocol=TCP]"}},
	{why: "a StatefulSet's replicas and image", ref: "apps/v1 StatefulSet store", body: "spec: {serviceName: x, replicas: 1, selector: {matchLabels: {app: x}}, " + pod + "}]}}}",
		edit: updating("kubectl-replace", func(o map[string]any) { set(o, int64(2), "spec", "replicas") }),
		want: []string{"replace /spec/replicas by kubectl-replace"}},
	{why: "a DaemonSet's node selector", ref: "apps/v1 DaemonSet agent", body: "spec: {selector: {matchLabels: {app: x}}, " + pod + "}]}}}",
		edit: merging("kubectl-patch", `{spec: {template: {spec: {nodeSelector: {never: "true"}}}}}`),
		want: []string{"add /spec/template/spec/nodeSelector by kubectl-patch"}},
	{why: "a CronJob suspended, where Git says nothing", ref: "batch/v1 CronJob suspended", body: cron(""),
		edit: merging("kubectl-patch", `{spec: {suspend: true}}`),
		want: []string{"add /spec/suspend by kubectl-patch"}},
	{why: "a CronJob suspended and rescheduled", ref: "batch/v1 CronJob rescheduled", body: cron("suspend: false, "),
		edit: merging("kubectl-patch", `{spec: {suspend: true, schedule: "0 1 31 2 *"}}`),
		want: []string{"replace /spec/schedule by kubectl-patch", "replace /spec/suspend by kubectl-patch"}},
	{why: "a Job's parallelism", ref: "batch/v1 Job once", body: `spec: {parallelism: 1, suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: job, image: "example.com/job:1"}]}}}`,
		edit: merging("kubectl-patch", `{spec: {parallelism: 4}}`),
		want: []string{"replace /spec/parallelism by kubectl-patch"}},
	{why: "a pod's image, one of the few things that can change", ref: "v1 Pod bare", body: `spec: {containers: [{name: app, image: "example.com/app:1"}]}`,
		edit: patching("kubectl-patch", `[{op: replace, path: /spec/containers/0/image, value: "example.com/app:2"}]`),
		want: []string{"replace /spec/containers/[name=app]/image by kubectl-patch"}},
}

func cron(more string) string {
	return `spec: {schedule: "0 0 31 2 *", ` + more + `jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "example.com/job:1"}]}}}}}`
}

var serviceEdits = []hand{
	{why: "the only, unnamed port renumbered", ref: "v1 Service renumbered", body: "spec: {selector: {app: x}, ports: [{port: 80}]}",
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/ports/0/port, value: 8080}]`),
		want: []string{"add /spec/ports/[port=8080,protocol=TCP] by kubectl-edit", "remove /spec/ports/[port=80,protocol=TCP]"}},
	{why: "one of two named ports renumbered", ref: "v1 Service renumbered-named", body: "spec: {selector: {app: x}, ports: [{name: http, port: 80}, {name: https, port: 443}]}",
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/ports/1/port, value: 8443}]`),
		want: []string{"add /spec/ports/[port=8443,protocol=TCP] by kubectl-edit", "remove /spec/ports/[port=443,protocol=TCP]"}},
	{why: "the sole port replaced by another one", ref: "v1 Service port-replaced", body: "spec: {selector: {app: x}, ports: [{name: http, port: 80, targetPort: 8080}]}",
		edit: merging("kubectl-patch", `{spec: {ports: [{name: admin, port: 9000}]}}`),
		want: []string{"add /spec/ports/[port=9000,protocol=TCP] by kubectl-patch", "remove /spec/ports/[port=80,protocol=TCP]"}},
	{why: "numbers swapped between named ports", ref: "v1 Service swapped", body: "spec: {selector: {app: x}, ports: [{name: a, port: 80}, {name: b, port: 81}]}",
		edit: merging("kubectl-patch", `{spec: {ports: [{name: a, port: 81}, {name: b, port: 80}]}}`),
		want: []string{"replace /spec/ports/[port=80,protocol=TCP]/name by kubectl-patch", "replace /spec/ports/[port=81,protocol=TCP]/name by kubectl-patch"}},
	{why: "a port renamed", ref: "v1 Service renamed", body: "spec: {selector: {app: x}, ports: [{name: http, port: 80}]}",
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/ports/0/name, value: web}]`),
		want: []string{"replace /spec/ports/[port=80,protocol=TCP]/name by kubectl-edit"}},
	{why: "a port's protocol", ref: "v1 Service protocol", body: "spec: {selector: {app: x}, ports: [{name: dns, port: 53}]}",
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/ports/0/protocol, value: UDP}]`),
		want: []string{"add /spec/ports/[port=53,protocol=UDP] by kubectl-edit", "remove /spec/ports/[port=53,protocol=TCP]"}},
	{why: "a port added", ref: "v1 Service port-added", body: "spec: {selector: {app: x}, ports: [{name: http, port: 80}]}",
		edit: strategic("kubectl-edit", `{spec: {ports: [{name: debug, port: 6060}]}}`),
		want: []string{"add /spec/ports/[port=6060,protocol=TCP] by kubectl-edit"}},
	{why: "a port removed", ref: "v1 Service port-removed", body: "spec: {selector: {app: x}, ports: [{name: http, port: 80}, {name: https, port: 443}]}",
		edit: patching("kubectl-edit", `[{op: remove, path: /spec/ports/1}]`),
		want: []string{"remove /spec/ports/[port=443,protocol=TCP]"}},
	{why: "a target port", ref: "v1 Service target", body: "spec: {selector: {app: x}, ports: [{port: 80, targetPort: http}]}",
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/ports/0/targetPort, value: 8080}]`),
		want: []string{"replace /spec/ports/[port=80,protocol=TCP]/targetPort by kubectl-edit"}},
	{why: "exposed by hand, where Git leaves the type to the server", ref: "v1 Service exposed", body: "spec: {selector: {app: x}, ports: [{port: 80}]}",
		edit: merging("kubectl-patch", `{spec: {type: NodePort}}`),
		want: []string{"add /spec/externalTrafficPolicy by kubectl-patch", "add /spec/type by kubectl-patch"}},
	{why: "exposed by hand, where Git names the type", ref: "v1 Service exposed-named", body: "spec: {type: ClusterIP, selector: {app: x}, ports: [{port: 80}]}",
		edit: merging("kubectl-patch", `{spec: {type: NodePort}}`),
		want: []string{"add /spec/externalTrafficPolicy by kubectl-patch", "add /spec/ports/[port=80,protocol=TCP]/nodePort", "replace /spec/type by kubectl-patch"}},
	{why: "a selector that selects less", ref: "v1 Service selector", body: "spec: {selector: {app: x}, ports: [{port: 80}]}",
		edit: merging("kubectl-patch", `{spec: {selector: {version: blue}}}`),
		want: []string{"replace /spec/selector by kubectl-patch"}},
	{why: "sticky sessions and an outside address", ref: "v1 Service sticky", body: "spec: {selector: {app: x}, ports: [{port: 80}]}",
		edit: merging("kubectl-patch", `{spec: {sessionAffinity: ClientIP, externalIPs: [192.0.2.1]}}`),
		want: []string{"add /spec/externalIPs by kubectl-patch", "add /spec/externalTrafficPolicy by kubectl-patch",
			"add /spec/sessionAffinity by kubectl-patch", "add /spec/sessionAffinityConfig by kubectl-patch"}},
}

var configEdits = []hand{
	{why: "a value, a key more and a key less", ref: "v1 ConfigMap settings", body: `data: {a: "1", b: "2", empty: ""}`,
		edit: merging("kubectl-edit", `{data: {a: "9", b: null, c: "3", empty: " "}}`),
		want: []string{"add /data/c by kubectl-edit", "remove /data/b", "replace /data/a by kubectl-edit", "replace /data/empty by kubectl-edit"}},
	{why: "replaced as a whole", ref: "v1 ConfigMap replaced", body: `data: {a: "1"}`,
		edit: updating("kubectl-replace", func(o map[string]any) { o["data"] = map[string]any{"z": "9"} }),
		want: []string{"add /data/z by kubectl-replace", "remove /data/a"}},
	{why: "data emptied", ref: "v1 ConfigMap emptied", body: `data: {a: "1"}`,
		edit: patching("kubectl-patch", `[{op: remove, path: /data}]`),
		want: []string{"remove /data"}},
	{why: "binary data added", ref: "v1 ConfigMap binary", body: `data: {a: "1"}`,
		edit: merging("kubectl-patch", `{binaryData: {blob: AAEC}}`),
		want: []string{"add /binaryData by kubectl-patch"}},
	{why: "a Secret's value, a key more", ref: "v1 Secret password", body: `stringData: {password: one, user: shop}`,
		edit: merging("kubectl-edit", `{data: {password: dHdv, extra: dHdv}}`),
		want: []string{"add /data/extra by kubectl-edit", "replace /data/password by kubectl-edit"}},
	{why: "a pull secret added to a ServiceAccount", ref: "v1 ServiceAccount account", body: `automountServiceAccountToken: false`,
		edit: merging("kubectl-patch", `{imagePullSecrets: [{name: mine}], automountServiceAccountToken: true}`),
		want: []string{"add /imagePullSecrets by kubectl-patch", "replace /automountServiceAccountToken by kubectl-patch"}},
	{why: "rules widened", ref: "rbac.authorization.k8s.io/v1 Role reader", body: `rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]`,
		edit: patching("kubectl-edit", `[{op: add, path: /rules/0/verbs/-, value: delete}]`),
		want: []string{"replace /rules by kubectl-edit"}},
	{why: "a subject added", ref: "rbac.authorization.k8s.io/v1 RoleBinding reader", body: `{roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}, subjects: [{kind: ServiceAccount, name: account, namespace: $NS}]}`,
		edit: patching("kubectl-edit", `[{op: add, path: /subjects/-, value: {kind: User, apiGroup: rbac.authorization.k8s.io, name: eve}}]`),
		want: []string{"replace /subjects by kubectl-edit"}},
	{why: "a network policy opened", ref: "networking.k8s.io/v1 NetworkPolicy deny", body: `spec: {podSelector: {matchLabels: {app: x}}, policyTypes: [Ingress]}`,
		edit: merging("kubectl-edit", `{spec: {ingress: [{}], podSelector: {matchLabels: {app: none}}}}`),
		want: []string{"add /spec/ingress by kubectl-edit", "replace /spec/podSelector by kubectl-edit"}},
	{why: "a route changed, TLS and an annotation added", ref: "networking.k8s.io/v1 Ingress web",
		body: `spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}`,
		edit: updating("kubectl-edit", func(o map[string]any) {
			rule := o["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)
			rule["host"] = "b.example.com"
			set(o, []any{map[string]any{"secretName": "tls"}}, "spec", "tls")
			set(o, map[string]any{"example.com/rewrite": "/"}, "metadata", "annotations")
		}),
		want: []string{"add /metadata/annotations/example.com~1rewrite by kubectl-edit", "add /spec/tls by kubectl-edit", "replace /spec/rules by kubectl-edit"}},
	{why: "a budget loosened", ref: "policy/v1 PodDisruptionBudget budget", body: "spec: {minAvailable: 1, selector: {matchLabels: {app: x}}}",
		edit: merging("kubectl-patch", `{spec: {minAvailable: null, maxUnavailable: 100%}}`),
		want: []string{"add /spec/maxUnavailable by kubectl-patch", "remove /spec/minAvailable"}},
	{why: "an autoscaler's bounds", ref: "autoscaling/v2 HorizontalPodAutoscaler scaler", body: "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}",
		edit: merging("kubectl-edit", `{spec: {maxReplicas: 30, minReplicas: 2}}`),
		want: []string{"add /spec/minReplicas by kubectl-edit", "replace /spec/maxReplicas by kubectl-edit"}},
	{why: "a quota raised and a resource more", ref: "v1 ResourceQuota quota", body: "spec: {hard: {configmaps: 1k}}",
		edit: merging("kubectl-edit", `{spec: {hard: {configmaps: 2k, secrets: 500}}}`),
		want: []string{"add /spec/hard/secrets by kubectl-edit", "replace /spec/hard/configmaps by kubectl-edit"}},
	{why: "the membership label stripped", ref: "v1 ConfigMap stripped", body: `data: {a: "1"}`,
		edit: merging("kubectl-label", `{metadata: {labels: null}}`),
		want: []string{"remove /metadata/labels"}},
	{why: "a label of Git's changed and one removed", ref: "v1 ConfigMap labelled", body: `{metadata: {labels: {a: "1", b: "2"}, annotations: {note: ""}}, data: {a: "1"}}`,
		edit: merging("kubectl-label", `{metadata: {labels: {a: "9", b: null}, annotations: {note: null}}}`),
		want: []string{"remove /metadata/annotations", "remove /metadata/labels/b", "replace /metadata/labels/a by kubectl-label"}},
	{why: "deleted", ref: "v1 ConfigMap deleted", body: `data: {a: "1"}`,
		edit: func(s *site, ref string) { s.remove(ref) },
		want: nil},
	{why: "deleted and made again by hand", ref: "v1 ConfigMap remade", body: `data: {a: "1"}`,
		edit: func(s *site, ref string) {
			s.remove(ref)
			label := drift.LabelPartOf + ": " + drift.ApplySetID("shop", s.state)
			s.create("kubectl-create", `{apiVersion: v1, kind: ConfigMap, metadata: {name: remade, labels: {`+label+`}}, data: {a: "2"}}`)
		},
		want: []string{"replace /data/a by kubectl-create"}},
}

const widgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.$NS.example.com}
spec:
  group: $NS.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                size: {type: integer, default: 3}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
                words: {type: array, items: {type: string}, x-kubernetes-list-type: set}
                plain: {type: array, items: {type: string}}
                atom: {type: object, additionalProperties: {type: string}, x-kubernetes-map-type: atomic}
                open: {type: object, additionalProperties: {type: string}}
                parts:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items: {type: object, required: [name], properties: {name: {type: string}, weight: {type: integer, default: 1}}}
`

const widget = "$NS.example.com/v1 Widget "

var customEdits = []hand{
	{why: "an element of a keyed list added", ref: widget + "element-added", body: "spec: {parts: [{name: a}]}",
		edit: patching("kubectl-edit", `[{op: add, path: /spec/parts/-, value: {name: b, weight: 5}}]`),
		want: []string{"add /spec/parts/[name=b] by kubectl-edit"}},
	{why: "an element of a keyed list removed", ref: widget + "element-removed", body: "spec: {parts: [{name: a}, {name: b, weight: 2}]}",
		edit: patching("kubectl-edit", `[{op: remove, path: /spec/parts/1}]`),
		want: []string{"remove /spec/parts/[name=b]"}},
	{why: "an element of a keyed list edited, one value of which is a default", ref: widget + "element-edited", body: "spec: {parts: [{name: a}, {name: b, weight: 2}]}",
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/parts/0/weight, value: 7}, {op: replace, path: /spec/parts/1/weight, value: 8}]`),
		want: []string{"add /spec/parts/[name=a]/weight by kubectl-edit", "replace /spec/parts/[name=b]/weight by kubectl-edit"}},
	{why: "an element's key edited", ref: widget + "element-renamed", body: "spec: {parts: [{name: a, weight: 2}]}",
		edit: patching("kubectl-edit", `[{op: replace, path: /spec/parts/0/name, value: z}]`),
		want: []string{"add /spec/parts/[name=z] by kubectl-edit", "remove /spec/parts/[name=a]"}},
	{why: "elements of a keyed list swapped", ref: widget + "element-order", body: "spec: {parts: [{name: a}, {name: b}]}",
		edit: merging("kubectl-edit", `{spec: {parts: [{name: b, weight: 1}, {name: a, weight: 1}]}}`),
		want: []string{"replace /spec/parts"}},
	{why: "elements of a set", ref: widget + "set", body: "spec: {words: [one, two]}",
		edit: merging("kubectl-edit", `{spec: {words: [two, three]}}`),
		want: []string{"add /spec/words/[=three] by kubectl-edit", "remove /spec/words/[=one]"}},
	{why: "a list that merges as one value", ref: widget + "plain", body: "spec: {plain: [a, b]}",
		edit: merging("kubectl-edit", `{spec: {plain: [b, a]}}`),
		want: []string{"replace /spec/plain by kubectl-edit"}},
	{why: "a map that merges as one value", ref: widget + "atom", body: `spec: {atom: {a: "1"}}`,
		edit: merging("kubectl-edit", `{spec: {atom: {b: "2"}}}`),
		want: []string{"replace /spec/atom by kubectl-edit"}},
	{why: "keys of an open map", ref: widget + "open", body: `spec: {open: {a: "1", "x/y.z": "2"}}`,
		edit: merging("kubectl-edit", `{spec: {open: {"x/y.z": "3", b: "2"}}}`),
		want: []string{"add /spec/open/b by kubectl-edit", "replace /spec/open/x~1y.z by kubectl-edit"}},
	{why: "content without a schema", ref: widget + "free", body: `spec: {free: {a: {b: [1, 2]}, c: 1.5}}`,
		edit: merging("kubectl-edit", `{spec: {free: {a: {b: [1]}, c: null, d: {e: true}}}}`),
		want: []string{"add /spec/free/d by kubectl-edit", "remove /spec/free/c", "replace /spec/free/a/b by kubectl-edit"}},
	{why: "a default overridden", ref: widget + "default", body: `spec: {plain: [a]}`,
		edit: merging("kubectl-edit", `{spec: {size: 30}}`),
		want: []string{"add /spec/size by kubectl-edit"}},
}

func TestHealsWorkloads(t *testing.T) { t.Parallel(); heals(t, workloadEdits, nil) }
func TestHealsServices(t *testing.T)  { t.Parallel(); heals(t, serviceEdits, nil) }
func TestHealsConfig(t *testing.T)    { t.Parallel(); heals(t, configEdits, nil) }
func TestHealsCustomResources(t *testing.T) {
	t.Parallel()
	heals(t, customEdits, map[string]string{"crd.yaml": widgets})
}

// heals makes all objects, edits every one of them by hand, and demands that
// one run says each edit truly and puts the objects back as they were, and that
// the next one has nothing to say.
func heals(t *testing.T, hands []hand, more map[string]string) {
	t.Helper()
	s := newSite(t)
	s.app("shop", manageSecrets)
	files := map[string]string{}
	maps.Copy(files, more)
	for _, hand := range hands {
		files[strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(hand.ref, "/", "-"), " ", "-"))+".yaml"] = s.write(hand)
	}
	s.commit(files)
	s.converge()
	before := map[string]map[string]any{}
	for _, hand := range hands {
		before[hand.ref] = settled(s.live(hand.ref))
		hand.edit(s, hand.ref)
	}
	r := s.run()
	for _, hand := range hands {
		parts := strings.Fields(hand.ref)
		resource := r.of(parts[1] + " " + parts[2])
		drifted := "modified"
		if hand.want == nil {
			drifted = "missing"
		}
		got := []string{resource.Drift, resource.Cause, resource.Action, resource.Outcome}
		if diff := cmp.Diff([]string{drifted, "live", "heal", "applied"}, got); diff != "" {
			t.Errorf("%s (%s): (-want +got):\n%s%s", hand.why, hand.ref, diff, resource.Error)
		}
		said := fields(resource)
		if diff := cmp.Diff(hand.want, said); diff != "" {
			t.Errorf("%s (%s): fields (-want +got):\n%s", hand.why, hand.ref, diff)
		}
		if diff := cmp.Diff(before[hand.ref], settled(s.live(hand.ref))); diff != "" {
			t.Errorf("%s (%s): the object is not as it was (-before +after):\n%s", hand.why, hand.ref, diff)
		}
	}
	if len(r.Report.Apps[0].Resources) != len(hands) {
		t.Errorf("%d resources are reported, want %d:\n%s", len(r.Report.Apps[0].Resources), len(hands), strings.Join(r.news(), "\n"))
	}
	if r.code != reconcile.ExitOK {
		t.Errorf("exit code %d", r.code)
	}
	s.quiet("the run after healing")
}

// write makes the manifest of a hand's object.
func (s *site) write(h hand) string {
	s.Helper()
	parts := strings.Fields(h.ref)
	object := s.manifest(h.body)
	object["apiVersion"], object["kind"] = strings.ReplaceAll(parts[0], "$NS", s.ns), parts[1]
	meta, _ := object["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		object["metadata"] = meta
	}
	meta["name"] = parts[2]
	return toYAML(s.T, object)
}

// settled is what must be the same again of an object: not its versions and
// owners, what controllers write, and what the server alone decides.
func settled(live map[string]any) map[string]any {
	out := nested.CloneMap(live)
	delete(out, "status")
	meta := out["metadata"].(map[string]any)
	for _, name := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
		delete(meta, name)
	}
	if annotations, ok := meta["annotations"].(map[string]any); ok {
		for _, name := range slices.Collect(maps.Keys(annotations)) {
			if strings.HasPrefix(name, "deployment.kubernetes.io/") || strings.HasPrefix(name, "deprecated.daemonset.") {
				delete(annotations, name)
			}
		}
		if len(annotations) == 0 {
			delete(meta, "annotations")
		}
	}
	return out
}
