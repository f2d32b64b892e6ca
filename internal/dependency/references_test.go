package dependency_test

import (
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/dependency"
	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/model"
)

// podWith is a Pod with more in its spec.
func podWith(spec string) string {
	return "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {containers: [{name: x}], " + spec + "}}"
}

// targetOf is "Kind.group namespace/name" of a target without labels, or its manifest.
func targetOf(t *testing.T, text string) dependency.Target {
	t.Helper()
	if strings.HasPrefix(text, "{") {
		live := model.Tree(t, text)
		return dependency.TargetOf(drift.IDOf(live), live)
	}
	kind, name, _ := strings.Cut(text, " ")
	id := drift.ID{Name: name}
	id.Kind, id.Group, _ = strings.Cut(kind, ".")
	if namespace, name, ok := strings.Cut(name, "/"); ok {
		id.Namespace, id.Name = namespace, name
	}
	return dependency.TargetOf(id, nil)
}

// TestReferences: every way in which the API names, mounts or selects another object.
func TestReferences(t *testing.T) {
	t.Parallel()
	const (
		config  = "ConfigMap shop/x"
		secret  = "Secret shop/x"
		account = "ServiceAccount shop/x"
		svc     = "Service shop/x"
		thing   = "Thing.example.com shop/x"
		made    = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, namespace: shop, labels: {own: x}}, spec: {template: {metadata: {labels: {app: x, tier: a}}, spec: {containers: []}}}}"
	)
	for _, c := range []struct {
		why, object, target, want string
	}{
		{"a volume", podWith("volumes: [{name: v, configMap: {name: x}}]"), config, dependency.ByMount},
		{"a volume of another kind", podWith("volumes: [{name: v, secret: {secretName: x}}]"), config, ""},
		{"a volume that is only called so", podWith("volumes: [{name: x, configMap: {name: z}}]"), config, ""},
		{"a container that is called so", podWith("volumes: []"), config, ""},
		{"a volume of a Secret", podWith("volumes: [{name: v, secret: {secretName: x}}]"), secret, dependency.ByMount},
		{"a projected volume", podWith("volumes: [{name: v, projected: {sources: [{configMap: {name: x}}, {secret: {name: z}}]}}]"), config, dependency.ByMount},
		{"a projected Secret", podWith("volumes: [{name: v, projected: {sources: [{configMap: {name: z}}, {secret: {name: x}}]}}]"), secret, dependency.ByMount},
		{"a Secret of a volume driver", podWith("volumes: [{name: v, csi: {driver: d, nodePublishSecretRef: {name: x}}}]"), secret, dependency.ByMount},
		{"a class of a volume driver", podWith("volumes: [{name: v, csi: {driver: secrets-store.csi.k8s.io, volumeAttributes: {secretProviderClass: x}}}]"),
			"SecretProviderClass.secrets-store.csi.x-k8s.io shop/x", dependency.ByMount},
		{"a Secret of an Azure file", podWith("volumes: [{name: v, azureFile: {secretName: x, shareName: s}}]"), secret, dependency.ByMount},
		{"a claim", podWith("volumes: [{name: v, persistentVolumeClaim: {claimName: x}}]"), "PersistentVolumeClaim shop/x", dependency.ByMount},
		{"the class of an ephemeral claim", podWith("volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: x}}}}]"), "StorageClass.storage.k8s.io x", dependency.ByMount},
		{"all of an environment", podWith("initContainers: [{name: i, envFrom: [{configMapRef: {name: x, optional: true}}]}]"), config, dependency.ByName},
		{"one variable", podWith("ephemeralContainers: [{name: i, env: [{name: A, valueFrom: {secretKeyRef: {name: x, key: k}}}]}]"), secret, dependency.ByName},
		{"one variable of a ConfigMap", podWith("ephemeralContainers: [{name: i, env: [{name: A, valueFrom: {configMapKeyRef: {name: x, key: k}}}]}]"), config, dependency.ByName},
		{"a pull secret", podWith("imagePullSecrets: [{name: z}, {name: x}]"), secret, dependency.ByName},
		{"an account", podWith("serviceAccountName: x"), account, dependency.ByAccount},
		{"classes", podWith("priorityClassName: x"), "PriorityClass.scheduling.k8s.io x", dependency.ByName},
		{"a runtime", podWith("runtimeClassName: x"), "RuntimeClass.node.k8s.io x", dependency.ByName},
		{"a device", podWith("resourceClaims: [{name: g, resourceClaimName: x}]"), "ResourceClaim.resource.k8s.io shop/x", dependency.ByName},
		{"a host name that a container is told", podWith("initContainers: [{name: i, args: [--url, 'http://x.shop.svc:8080/a']}]"), svc, dependency.ByName},
		{"a host name in a variable", podWith("initContainers: [{name: i, env: [{name: HOST, value: x}]}]"), svc, dependency.ByName},
		{"a word that a container is told", podWith("initContainers: [{name: i, env: [{name: HOST, value: x}]}]"), config, ""},
		{"in another namespace", strings.Replace(podWith("volumes: [{name: v, configMap: {name: x}}]"), "namespace: shop", "namespace: other", 1), config, ""},
		{"an annotation", "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop, annotations: {k8s.v1.cni.cncf.io/networks: 'a,shop/x@eth1'}}}", thing, dependency.ByName},
		{"an annotation that describes", "{apiVersion: v1, kind: Service, metadata: {name: p, namespace: shop, annotations: {meta.helm.sh/release-name: x}}}", thing, ""},
		{"a label", "{apiVersion: v1, kind: Service, metadata: {name: p, namespace: shop, labels: {app: x}}}", thing, ""},
		{"an owner", "{apiVersion: v1, kind: ConfigMap, metadata: {name: p, namespace: shop, ownerReferences: [{apiVersion: v1, kind: Secret, name: x, uid: u}]}}", secret, dependency.ByName},

		{"a CronJob's template", "{apiVersion: batch/v1, kind: CronJob, metadata: {name: p, namespace: shop}, spec: {jobTemplate: {spec: {template: {spec: {volumes: [{name: v, configMap: {name: x}}]}}}}}}", config, dependency.ByMount},
		{"an annotation in a template", "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: p, namespace: shop}, spec: {template: {metadata: {annotations: {example.com/uses: x}}, spec: {}}}}", thing, dependency.ByName},
		{"a StatefulSet's Service", "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: p, namespace: shop}, spec: {serviceName: x}}", svc, dependency.ByName},
		{"a StatefulSet's claims", "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: p, namespace: shop}, spec: {volumeClaimTemplates: [{spec: {storageClassName: x}}]}}", "StorageClass.storage.k8s.io x", dependency.ByMount},
		{"a workload's own selector", "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: p, namespace: shop}, spec: {selector: {matchLabels: {app: x}}}}", made, ""},
		{"an account's secrets", "{apiVersion: v1, kind: ServiceAccount, metadata: {name: p, namespace: shop}, secrets: [{name: x}]}", secret, dependency.ByName},
		{"an Ingress backend", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: p, namespace: shop}, spec: {rules: [{http: {paths: [{backend: {service: {name: x, port: {number: 1}}}}]}}]}}", svc, dependency.ByName},
		{"an Ingress certificate", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: p, namespace: shop}, spec: {tls: [{secretName: x}]}}", secret, dependency.ByName},
		{"an Ingress class", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: p, namespace: shop}, spec: {ingressClassName: x}}", "IngressClass.networking.k8s.io x", dependency.ByName},
		{"an autoscaler", "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: p, namespace: shop}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}}}", made, dependency.ByName},
		{"a role's binding", "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: p, namespace: shop}, roleRef: {kind: Role, name: x}}", "Role.rbac.authorization.k8s.io shop/x", dependency.ByName},
		{"a subject", "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: p}, subjects: [{kind: ServiceAccount, name: x, namespace: shop}]}", account, dependency.ByName},
		{"a subject elsewhere", "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: p}, subjects: [{kind: ServiceAccount, name: x, namespace: other}]}", account, ""},
		{"a webhook", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: p}, webhooks: [{clientConfig: {service: {name: x, namespace: shop}}}]}", svc, dependency.ByName},
		{"a conversion webhook", "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: p}, spec: {conversion: {webhook: {clientConfig: {service: {name: x, namespace: shop}}}}}}", svc, dependency.ByName},
		{"an aggregated API", "{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: p}, spec: {service: {name: x, namespace: shop}}}", svc, dependency.ByName},
		{"a policy's parameters", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: p}, spec: {policyName: z, paramRef: {name: x, namespace: shop}}}", config, dependency.ByName},
		{"a claim's source", "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: p, namespace: shop}, spec: {dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: x}}}", "VolumeSnapshot.snapshot.storage.k8s.io shop/x", dependency.ByName},

		{"a Service selects its Pods", "{apiVersion: v1, kind: Service, metadata: {name: p, namespace: shop}, spec: {selector: {app: x}}}", made, dependency.BySelector},
		{"a Service selects others", "{apiVersion: v1, kind: Service, metadata: {name: p, namespace: shop}, spec: {selector: {app: x, tier: b}}}", made, ""},
		{"a Service selects by what only the workload carries", "{apiVersion: v1, kind: Service, metadata: {name: p, namespace: shop}, spec: {selector: {own: x}}}", made, ""},
		{"a Service without a selector selects nothing", "{apiVersion: v1, kind: Service, metadata: {name: p, namespace: shop}, spec: {selector: {}}}", made, ""},
		{"a budget by an expression", "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: p, namespace: shop}, spec: {selector: {matchExpressions: [{key: app, operator: In, values: [x, z]}]}}}", made, dependency.BySelector},
		{"a budget over everything", "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: p, namespace: shop}, spec: {selector: {}}}", made, dependency.BySelector},
		{"an expression that nobody understands", "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: p, namespace: shop}, spec: {selector: {matchExpressions: [{key: app, operator: Like, values: [z]}]}}}", made, dependency.BySelector},
		{"a network policy elsewhere", "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: other}, spec: {podSelector: {}}}", made, ""},
		{"nodes are not Pods", podWith("nodeSelector: {app: x}"), made, ""},

		{"a custom resource", "{apiVersion: example.com/v1, kind: User, metadata: {name: p, namespace: shop}, spec: {deep: [{credentials: x}]}}", secret, dependency.ByName},
		{"a custom resource with a longer name", "{apiVersion: example.com/v1, kind: User, metadata: {name: p, namespace: shop}, spec: {deep: [{credentials: x-2}]}}", secret, ""},
		{"a custom resource, by an address", "{apiVersion: example.com/v1, kind: User, metadata: {name: p, namespace: shop}, spec: {url: 'https://x.shop.svc:443'}}", svc, dependency.ByName},
		{"a custom resource elsewhere, which says so", "{apiVersion: example.com/v1, kind: User, metadata: {name: p, namespace: other}, spec: {ref: {name: x, namespace: shop}}}", secret, dependency.ByName},
		{"a custom resource elsewhere, in one word", "{apiVersion: example.com/v1, kind: User, metadata: {name: p, namespace: other}, spec: {ref: shop/x}}", secret, dependency.ByName},
		{"a custom resource elsewhere, which means its own", "{apiVersion: example.com/v1, kind: User, metadata: {name: p, namespace: other}, spec: {credentials: x}}", secret, ""},
		{"a custom resource of the cluster", "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: p}, spec: {ca: {secretName: x}}}", secret, dependency.ByName},
		{"a custom resource's status says what was", "{apiVersion: example.com/v1, kind: User, metadata: {name: p, namespace: shop}, status: {credentials: x}}", secret, ""},
		{"a custom resource's label", "{apiVersion: kafka.strimzi.io/v1, kind: KafkaTopic, metadata: {name: p, namespace: shop, labels: {strimzi.io/cluster: x}}}", "Kafka.kafka.strimzi.io shop/x", dependency.ByName},
		{"a custom resource selects objects", "{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: p, namespace: shop}, spec: {selector: {matchLabels: {a: b}}}}",
			"{apiVersion: v1, kind: Service, metadata: {name: z, namespace: shop, labels: {a: b}}}", dependency.BySelector},

		{"a binding of the account", podWith("serviceAccountName: x"), "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: other}, subjects: [{kind: ServiceAccount, name: x, namespace: shop}]}", dependency.ByBinding},
		{"a binding of the account by its user name", podWith("serviceAccountName: x"), "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, subjects: [{kind: User, name: 'system:serviceaccount:shop:x'}]}", dependency.ByBinding},
		{"a binding of all accounts of the namespace", podWith("serviceAccountName: x"), "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, subjects: [{kind: Group, name: 'system:serviceaccounts:shop'}]}", dependency.ByBinding},
		{"a binding of another account", podWith("serviceAccountName: x"), "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, subjects: [{kind: ServiceAccount, name: z, namespace: shop}]}", ""},
	} {
		if got := dependency.ReferencesOf(model.Tree(t, c.object)).To(targetOf(t, c.target)); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}
