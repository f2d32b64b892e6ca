package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

// union is one object whose fields exclude each other by choice, in two forms. The
// sources are the validation code (kubernetes v1.36.3, pkg/apis/*/validation, "may not be
// specified when", "may not specify more than 1") and the discriminators of the schema;
// old holds what the old choice leaves behind, as a path and its defaults.
type union struct {
	why      string
	ref      string
	one, two string // bodies
}

func podSpec(rest string) string {
	return `spec: {replicas: 1, selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {` + rest + `}}}`
}

func probing(handler string) string {
	return podSpec(`containers: [{name: app, image: "example.com/app:1", livenessProbe: {` + handler + `}}]`)
}

func hooked(handler string) string {
	return podSpec(`containers: [{name: app, image: "example.com/app:1", lifecycle: {preStop: {` + handler + `}}}]`)
}

func volume(source string) string {
	return podSpec(`containers: [{name: app, image: "example.com/app:1"}], volumes: [{name: v` + source + `}]`)
}

func environment(source string) string {
	return podSpec(`containers: [{name: app, image: "example.com/app:1", env: [{name: A, ` + source + `}]}]`)
}

func serving(rest string) string {
	return `spec: {selector: {app: x}, ports: [{port: 80}]` + rest + `}`
}

func strategy(field string) string {
	return strings.Replace(podSpec(`containers: [{name: app, image: "example.com/app:1"}]`), "spec: {", "spec: {"+field+", ", 1)
}

func daemon(field string) string {
	return strings.Replace(strategy(field), "replicas: 1, ", "", 1)
}

func level(response string) string {
	return "spec: {type: Limited, limited: {nominalConcurrencyShares: 1, limitResponse: {" + response + "}}}"
}

func widgetsCRD(conversion string) string {
	return `spec: {group: $NS.example.com, scope: Namespaced, names: {kind: Choice, plural: choices}, ` + conversion + `versions: [
		{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}`
}

var unions = []union{
	{why: "a rolling update by default", ref: "apps/v1 Deployment default",
		one: strategy("minReadySeconds: 0"), two: strategy("strategy: {type: Recreate}")},
	{why: "a rolling update by name", ref: "apps/v1 Deployment named",
		one: strategy("strategy: {type: RollingUpdate}"), two: strategy("strategy: {type: Recreate}")},
	{why: "a rolling update of which Git names a part", ref: "apps/v1 Deployment part",
		one: strategy("strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 2}}"), two: strategy("strategy: {type: Recreate}")},
	{why: "a rolling update that Git takes away by a null", ref: "apps/v1 Deployment nulled",
		one: strategy("minReadySeconds: 0"), two: strategy("strategy: {type: Recreate, rollingUpdate: null}")},
	{why: "a StatefulSet's update", ref: "apps/v1 StatefulSet set",
		one: strategy("serviceName: x"), two: strategy("serviceName: x, updateStrategy: {type: OnDelete}")},
	{why: "a StatefulSet's update of which Git names a part", ref: "apps/v1 StatefulSet partition",
		one: strategy("serviceName: x, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}"), two: strategy("serviceName: x, updateStrategy: {type: OnDelete}")},
	{why: "a DaemonSet's update", ref: "apps/v1 DaemonSet daemon",
		one: daemon("minReadySeconds: 0"), two: daemon("updateStrategy: {type: OnDelete}")},
	{why: "a DaemonSet that surges", ref: "apps/v1 DaemonSet surge",
		one: daemon("minReadySeconds: 0"), two: daemon("updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}")},
	{why: "probes: HTTP and TCP", ref: "apps/v1 Deployment http-tcp", one: probing("httpGet: {port: 80}"), two: probing("tcpSocket: {port: 80}")},
	{why: "probes: a command and gRPC", ref: "apps/v1 Deployment exec-grpc", one: probing("exec: {command: [a]}"), two: probing("grpc: {port: 80}")},
	{why: "probes: one and none", ref: "apps/v1 Deployment probe-none", one: probing("httpGet: {port: 80}"), two: podSpec(`containers: [{name: app, image: "example.com/app:1"}]`)},
	{why: "hooks: HTTP and sleep", ref: "apps/v1 Deployment http-sleep", one: hooked("httpGet: {port: 80}"), two: hooked("sleep: {seconds: 1}")},
	{why: "volumes: none named, which is an emptyDir, and a ConfigMap", ref: "apps/v1 Deployment nothing-configmap", one: volume(""), two: volume(", configMap: {name: x}")},
	{why: "volumes: an emptyDir and a Secret", ref: "apps/v1 Deployment empty-secret", one: volume(", emptyDir: {}"), two: volume(", secret: {secretName: x}")},
	{why: "volumes: a ConfigMap and a Secret", ref: "apps/v1 Deployment configmap-secret", one: volume(", configMap: {name: x}"), two: volume(", secret: {secretName: x}")},
	{why: "volumes: a path and a claim", ref: "apps/v1 Deployment path-claim", one: volume(", hostPath: {path: /tmp}"), two: volume(", persistentVolumeClaim: {claimName: x}")},
	{why: "volumes: downward and projected", ref: "apps/v1 Deployment downward-projected",
		one: volume(", downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}"), two: volume(", projected: {sources: [{configMap: {name: x}}]}")},
	{why: "volumes: a claim of its own and an image", ref: "apps/v1 Deployment ephemeral-image",
		one: volume(", ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}"), two: volume(`, image: {reference: "example.com/data:1"}`)},
	{why: "volumes: iSCSI and RBD, with defaults of their own", ref: "apps/v1 Deployment iscsi-rbd",
		one: volume(`, iscsi: {targetPortal: "192.0.2.1:3260", iqn: "iqn.2001-04.com.example:disk", lun: 1}`), two: volume(`, rbd: {monitors: ["192.0.2.1:6789"], image: x}`)},
	{why: "volumes: Azure and ScaleIO, with defaults of their own", ref: "apps/v1 Deployment azure-scaleio",
		one: volume(`, azureDisk: {diskName: x, diskURI: "https://example.com/x"}`), two: volume(`, scaleIO: {gateway: "https://example.com", system: x, volumeName: x, secretRef: {name: x}}`)},
	{why: "environment: a value and a field", ref: "apps/v1 Deployment value-field", one: environment("value: x"), two: environment("valueFrom: {fieldRef: {fieldPath: metadata.name}}")},
	{why: "environment: a field and a key", ref: "apps/v1 Deployment field-key",
		one: environment("valueFrom: {fieldRef: {fieldPath: metadata.name}}"), two: environment("valueFrom: {configMapKeyRef: {name: x, key: a, optional: true}}")},
	{why: "environment: a resource and an empty value", ref: "apps/v1 Deployment resource-empty",
		one: environment("valueFrom: {resourceFieldRef: {resource: limits.cpu}}"), two: environment(`value: ""`)},
	{why: "profiles: the runtime's and a file", ref: "apps/v1 Deployment profile",
		one: podSpec(`securityContext: {seccompProfile: {type: RuntimeDefault}, appArmorProfile: {type: RuntimeDefault}}, containers: [{name: app, image: "example.com/app:1"}]`),
		two: podSpec(`securityContext: {seccompProfile: {type: Localhost, localhostProfile: a.json}, appArmorProfile: {type: Localhost, localhostProfile: a}}, containers: [{name: app, image: "example.com/app:1"}]`)},
	{why: "a claim template beside a retention policy", ref: "apps/v1 StatefulSet retention",
		one: strategy("serviceName: x"), two: strategy("serviceName: x, persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}")},
	{why: "Services: inside and on a port of every node", ref: "v1 Service node", one: serving(""), two: serving(", type: NodePort")},
	{why: "Services: inside and a load balancer", ref: "v1 Service balancer", one: serving(""), two: serving(", type: LoadBalancer")},
	{why: "Services: a load balancer of a class that keeps traffic local, and inside", ref: "v1 Service local",
		one: serving(", type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerClass: example.com/x, allocateLoadBalancerNodePorts: false"), two: serving("")},
	{why: "Services: a load balancer with ranges, and a port of every node", ref: "v1 Service ranges",
		one: serving(`, type: LoadBalancer, loadBalancerSourceRanges: ["192.0.2.0/24"]`), two: serving(", type: NodePort")},
	{why: "Services: inside and an alias", ref: "v1 Service alias", one: serving(""), two: "spec: {type: ExternalName, externalName: example.com}"},
	{why: "Services: a load balancer and an alias", ref: "v1 Service balancer-alias", one: serving(", type: LoadBalancer, externalTrafficPolicy: Local"), two: "spec: {type: ExternalName, externalName: example.com}"},
	{why: "Services: traffic local and anywhere", ref: "v1 Service anywhere",
		one: serving(", type: LoadBalancer, externalTrafficPolicy: Local"), two: serving(", type: LoadBalancer, externalTrafficPolicy: Cluster")},
	{why: "Services: sessions by client and none", ref: "v1 Service sessions", one: serving(", sessionAffinity: ClientIP"), two: serving(", sessionAffinity: None")},
	{why: "Services: sessions by client and not named", ref: "v1 Service unnamed", one: serving(", sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}"), two: serving("")},
	{why: "budgets: at least and at most", ref: "policy/v1 PodDisruptionBudget budget",
		one: "spec: {minAvailable: 1, selector: {matchLabels: {app: x}}}", two: "spec: {maxUnavailable: 1, selector: {matchLabels: {app: x}}}"},
	{why: "autoscalers: usage and an object", ref: "autoscaling/v2 HorizontalPodAutoscaler scaler",
		one: "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}",
		two: "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}, metrics: [{type: Pods, pods: {metric: {name: a}, target: {type: AverageValue, averageValue: 1k}}}], behavior: {scaleDown: {selectPolicy: Disabled}}}"},
	{why: "Ingresses: a Service and a resource", ref: "networking.k8s.io/v1 Ingress ingress",
		one: "spec: {defaultBackend: {service: {name: x, port: {number: 80}}}}", two: "spec: {defaultBackend: {resource: {kind: Bucket, name: x}}}"},
	{why: "Ingresses: a port's number and name", ref: "networking.k8s.io/v1 Ingress port",
		one: "spec: {defaultBackend: {service: {name: x, port: {number: 80}}}}", two: "spec: {defaultBackend: {service: {name: x, port: {name: http}}}}"},
	{why: "network policies: a block and a selector", ref: "networking.k8s.io/v1 NetworkPolicy policy",
		one: `spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 80, endPort: 90}]}]}`,
		two: `spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: http}]}]}`},
	{why: "CronJobs: a template's retries", ref: "batch/v1 CronJob job",
		one: scheduled(""), two: scheduled(`completions: 2, completionMode: Indexed, backoffLimitPerIndex: 1, podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [1]}}]}, `)},
	{why: "priority levels: a queue and none", ref: "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration $NS-level", one: level("type: Queue, queuing: {}"), two: level("type: Reject")},
	{why: "priority levels: a queue of which Git names a part", ref: "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration $NS-queue",
		one: level("type: Queue, queuing: {queues: 8, handSize: 2}"), two: level("type: Reject")},
	{why: "webhooks: a Service and a URL", ref: "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration $NS-hook",
		one: `webhooks: [{name: check.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore, clientConfig: {service: {name: x, namespace: $NS}}, rules: []}]`,
		two: `webhooks: [{name: check.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore, clientConfig: {url: "https://192.0.2.1/x"}, rules: []}]`},
	{why: "conversion: none and a webhook", ref: "apiextensions.k8s.io/v1 CustomResourceDefinition choices.$NS.example.com",
		one: widgetsCRD(""), two: widgetsCRD(`conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {service: {name: x, namespace: $NS}}}}, `)},
	{why: "mutating policies: a patch and a configuration", ref: "admissionregistration.k8s.io/v1 MutatingAdmissionPolicy $NS-mutate",
		one: mutating(`patchType: JSONPatch, jsonPatch: {expression: '[JSONPatch{op: "add", path: "/spec/a", value: "b"}]'}`), two: mutating(`patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{}"}`)},
}

func scheduled(rest string) string {
	return `spec: {schedule: "0 0 1 1 *", suspend: true, jobTemplate: {spec: {` + rest + `template: {spec: {restartPolicy: Never, containers: [{name: job, image: "example.com/job:1"}]}}}}}`
}

func mutating(patch string) string {
	return `spec: {failurePolicy: Ignore, reinvocationPolicy: Never, matchConstraints: {resourceRules: [{apiGroups: [nowhere.example.com], apiVersions: [v1], operations: [CREATE], resources: [things]}]}, mutations: [{` + patch + `}]}`
}

func (u union) file(body string) string {
	parts := strings.Fields(u.ref)
	return existing(parts[0], parts[1], parts[2], body)
}

// TestUnions: the other choice of every union is applied, both ways, although a default of
// the old one is nobody's to remove.
func TestUnions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.budget = 0
	one, two := map[string]string{}, map[string]string{}
	for i, u := range unions {
		name := fmt.Sprintf("%02d.yaml", i)
		one[name], two[name] = u.file(u.one), u.file(u.two)
	}
	s.commit(one)
	s.converge()
	for _, step := range []struct {
		why   string
		files map[string]string
	}{{"the other choice", two}, {"and back", one}} {
		s.commit(step.files)
		planned := s.plan()
		r := s.run()
		for _, u := range unions {
			parts := strings.Fields(u.ref)
			name := parts[1] + " " + parts[2]
			if got := r.line(name); got != name+": modified/git sync applied" {
				s.Errorf("%s: %s: %q\n%s", step.why, u.why, got, r.one(name))
			}
			if got := planned.line(name); got != name+": modified/git sync planned" {
				s.Errorf("%s: %s: the plan says %q", step.why, u.why, got)
			}
		}
		s.trust = drift.TrustNothing
		s.run().silent(step.why + ", applied")
		s.trust = drift.TrustMemo
	}
}

// line is the news about one resource; "" when there is none.
func (r result) line(name string) string {
	for _, line := range r.news() {
		if strings.HasPrefix(line, name+":") {
			return line
		}
	}
	return ""
}

// one is what a failing test shows of one resource.
func (r result) one(name string) string {
	var lines []string
	show := false
	for _, line := range strings.Split(r.details(), "\n") {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "    ") {
			show = strings.HasPrefix(r.short(line), "  "+name+":")
		}
		if show {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// choice is a hand's choice of the other member of a union, or one that stands in the way
// of Git's.
type choice struct {
	why  string
	ref  string
	git  string // the body in Git
	then string // the body that Git moves to; empty: it does not
	edit func(*site, string)
	rego string // empty: all is granted
	want string // what the run does
	// fields are told by the report; reason is its reason, where not granted.
	fields []string
	reason string
}

const syncAlone = "package drift.test\n\nsync contains \"Git says so\" if input.drift.type != \"extra\"\n"

const bothMoved = "Git and the cluster both moved; sync and heal are not both granted"

var choices = []choice{
	{why: "a hand chose to roll: the server's defaults go with the choice", ref: "apps/v1 Deployment rolled",
		git: strategy("strategy: {type: Recreate}"), edit: strategic("kubectl-edit", "{spec: {strategy: {type: RollingUpdate}}}"),
		want: "modified/live heal applied", fields: []string{"add /spec/strategy/rollingUpdate by kubectl-edit", "replace /spec/strategy/type by kubectl-edit"}},
	{why: "a hand chose to roll, and how", ref: "apps/v1 Deployment surge",
		git: strategy("strategy: {type: Recreate}"), edit: strategic("kubectl-edit", "{spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 3}}}}"),
		want: "modified/live heal applied", fields: []string{"add /spec/strategy/rollingUpdate by kubectl-edit", "replace /spec/strategy/type by kubectl-edit"}},
	{why: "what a hand set needs heal when Git chooses what excludes it", ref: "apps/v1 Deployment held", rego: syncAlone,
		git: strategy("minReadySeconds: 0"), then: strategy("strategy: {type: Recreate}"), edit: strategic("kubectl-edit", "{spec: {strategy: {rollingUpdate: {maxSurge: 3}}}}"),
		want: "modified/both alert-only skipped", fields: []string{"add /spec/strategy/rollingUpdate by kubectl-edit", "replace /spec/strategy/type"}, reason: bothMoved},
	{why: "and goes with it", ref: "apps/v1 Deployment set",
		git: strategy("minReadySeconds: 0"), then: strategy("strategy: {type: Recreate}"), edit: strategic("kubectl-edit", "{spec: {strategy: {rollingUpdate: {maxSurge: 3}}}}"),
		want: "modified/both sync applied", fields: []string{"add /spec/strategy/rollingUpdate by kubectl-edit", "replace /spec/strategy/type"}},
	{why: "so does what a controller set", ref: "apps/v1 Deployment tuned",
		git: strategy("minReadySeconds: 0"), then: strategy("strategy: {type: Recreate}"), edit: strategic("tuning-operator", "{spec: {strategy: {rollingUpdate: {maxSurge: 3}}}}"),
		want: "modified/both sync applied", fields: []string{"add /spec/strategy/rollingUpdate by tuning-operator", "replace /spec/strategy/type"}},
	{why: "a controller's needs heal, too", ref: "apps/v1 Deployment kept", rego: syncAlone,
		git: strategy("minReadySeconds: 0"), then: strategy("strategy: {type: Recreate}"), edit: strategic("tuning-operator", "{spec: {strategy: {rollingUpdate: {maxSurge: 3}}}}"),
		want: "modified/both alert-only skipped", fields: []string{"add /spec/strategy/rollingUpdate by tuning-operator", "replace /spec/strategy/type"}, reason: bothMoved},
	{why: "a StatefulSet that a hand paused by deleting alone", ref: "apps/v1 StatefulSet paused",
		git: strategy("serviceName: x, updateStrategy: {type: OnDelete}"), edit: strategic("kubectl-edit", "{spec: {updateStrategy: {type: RollingUpdate}}}"),
		want: "modified/live heal applied", fields: []string{"replace /spec/updateStrategy/type by kubectl-edit"}},
	{why: "sessions by client", ref: "v1 Service sticky", git: serving(", sessionAffinity: None"), edit: merging("kubectl-edit", "{spec: {sessionAffinity: ClientIP}}"),
		want: "modified/live heal applied", fields: []string{"add /spec/sessionAffinityConfig by kubectl-edit", "replace /spec/sessionAffinity by kubectl-edit"}},
	{why: "a volume's other source", ref: "apps/v1 Deployment volume", git: volume(", configMap: {name: x}"),
		edit: strategic("kubectl-edit", "{spec: {template: {spec: {volumes: [{name: v, configMap: null, secret: {secretName: other}}]}}}}"),
		want: "modified/live heal applied", fields: []string{"add /spec/template/spec/volumes/[name=v]/secret by kubectl-edit", "remove /spec/template/spec/volumes/[name=v]/configMap"}},
	{why: "a probe's other handler", ref: "apps/v1 Deployment probe", git: probing("httpGet: {port: 80}"),
		edit: strategic("kubectl-edit", "{spec: {template: {spec: {containers: [{name: app, livenessProbe: {httpGet: null, tcpSocket: {port: 80}}}]}}}}"),
		want: "modified/live heal applied", fields: []string{"add " + container + "/livenessProbe/tcpSocket by kubectl-edit", "remove " + container + "/livenessProbe/httpGet"}},
	{why: "Git asks for both", ref: "apps/v1 Deployment contradiction", git: strategy("minReadySeconds: 0"),
		then: strategy("strategy: {type: Recreate, rollingUpdate: {maxSurge: 3}}"),
		want: "modified/git alert-only skipped", fields: []string{"replace /spec/strategy/rollingUpdate/maxSurge", "replace /spec/strategy/type"}},
	{why: "Git asks for what no removal allows", ref: "apps/v1 Deployment negative", git: strategy("minReadySeconds: 0"), then: strategy("minReadySeconds: -1"),
		want: "modified/git alert-only skipped", fields: []string{"remove /spec/minReadySeconds by killick"}},
}

// TestUnionOwners: whoever made the other choice, it is put back; what somebody owns goes
// under heal alone, and what the server refuses for another reason stays refused.
func TestUnionOwners(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.budget = 0
	files, moved := map[string]string{}, map[string]string{}
	for i, c := range choices {
		parts, name := strings.Fields(c.ref), fmt.Sprintf("%02d.yaml", i)
		files[name] = existing(parts[0], parts[1], parts[2], c.git)
		if c.then != "" {
			moved[name] = existing(parts[0], parts[1], parts[2], c.then)
		}
	}
	s.commit(files)
	s.converge()
	for _, c := range choices {
		if c.edit != nil {
			c.edit(s, c.ref)
		}
	}
	s.commit(moved)
	for _, s.rego = range []string{syncAlone, grants} {
		planned, r := s.plan(), s.run()
		for _, c := range choices {
			if c.rego != s.rego && (c.rego != "" || s.rego != grants) {
				continue
			}
			parts := strings.Fields(c.ref)
			name := parts[1] + " " + parts[2]
			if got, want := r.line(name), name+": "+c.want; got != want {
				s.Errorf("%s: %q, want %q\n%s", c.why, got, want, r.one(name))
				continue
			}
			if got, want := planned.line(name), strings.Replace(r.line(name), " applied", " planned", 1); got != want {
				s.Errorf("%s: the plan says %q, want %q", c.why, got, want)
			}
			if diff := cmp.Diff(c.fields, fields(r.of(name))); diff != "" {
				s.Errorf("%s (-want +got):\n%s", c.why, diff)
			}
			if got := r.of(name).Reason; c.reason != "" && got != c.reason {
				s.Errorf("%s: the reason is %q", c.why, got)
			}
		}
	}
	s.trust = drift.TrustNothing
	s.run().expect("what Git asks for in vain is all that is left",
		"Deployment contradiction: modified/git alert-only skipped", "Deployment negative: modified/git alert-only skipped")
}
