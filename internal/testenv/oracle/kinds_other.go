package main

func otherKinds() []kind {
	backend := obj(must("service", obj(must("name", one("x", "y")), must("port", obj(must("number", one(int64(80), int64(443))))))))
	rule := obj(must("apiGroups", listOf(one("", "apps"), 1, 2)), must("resources", listOf(one("pods", "services", "secrets"), 1, 2)),
		must("verbs", listOf(one("get", "list", "watch"), 1, 3)))
	subject := obj(must("kind", one("ServiceAccount")), must("name", one("x", "y", "z")), must("namespace", one("default", "kube-system")))
	peer := obj(must("podSelector", selector))
	rolesRef := func(kind string) field {
		return must("roleRef", obj(must("apiGroup", one("rbac.authorization.k8s.io")), must("kind", one(kind)), must("name", one("x"))).frozen())
	}
	return []kind{
		kindOf("networking.k8s.io/v1", "Ingress", "ingresses", must("spec", obj(
			may("ingressClassName", one("x", "y")), must("defaultBackend", backend),
			may("rules", listOf(obj(must("host", one("a.example", "b.example")), must("http", obj(must("paths", listOf(obj(
				must("path", one("/", "/api")), must("pathType", one("Prefix", "Exact")), must("backend", backend)), 1, 2))))), 0, 2)),
			may("tls", listOf(obj(must("secretName", one("s", "t")), may("hosts", listOf(one("a.example"), 1, 1))), 0, 2))))),
		kindOf("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", must("spec", obj(
			must("podSelector", selector), may("policyTypes", listOf(one("Ingress"), 1, 1)),
			may("ingress", listOf(obj(may("from", listOf(peer, 1, 2)), may("ports", listOf(obj(may("port", one(int64(80), "http")), may("protocol", one("TCP"))), 0, 2))), 0, 2))))),
		kindOf("networking.k8s.io/v1", "IngressClass", "ingressclasses", must("spec", obj(
			must("controller", one("example.com/x").frozen()),
			may("parameters", obj(must("apiGroup", one("example.com")), must("kind", one("P")), must("name", one("p", "q")), must("scope", one("Cluster"))))))).unscoped(),
		kindOf("rbac.authorization.k8s.io/v1", "Role", "roles", may("rules", listOf(rule, 0, 3))),
		kindOf("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", may("rules", listOf(rule, 0, 3))).unscoped(),
		kindOf("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", rolesRef("Role"), may("subjects", listOf(subject, 0, 3))),
		kindOf("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", rolesRef("ClusterRole"), may("subjects", listOf(subject, 0, 2))).unscoped(),
		kindOf("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", must("spec", obj(
			must("maxUnavailable", one(int64(1), int64(2), "25%", "50%")), may("selector", selector), may("unhealthyPodEvictionPolicy", one("IfHealthyBudget", "AlwaysAllow"))))),
		kindOf("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", must("spec", obj(
			must("scaleTargetRef", obj(must("apiVersion", one("apps/v1")), must("kind", one("Deployment")), must("name", one("x", "y"))).atomic()),
			may("minReplicas", between(1, 2)), must("maxReplicas", between(3, 9)),
			may("metrics", listOf(obj(must("type", one("Resource")), must("resource", obj(must("name", one("cpu", "memory")),
				must("target", obj(must("type", one("Utilization")), must("averageUtilization", between(50, 80))))))), 0, 2)),
			may("behavior", obj(may("scaleDown", obj(may("stabilizationWindowSeconds", between(100, 300)), may("selectPolicy", one("Max", "Min")),
				may("policies", listOf(obj(must("type", one("Pods")), must("value", between(1, 5)), must("periodSeconds", between(10, 60))), 1, 2))))))))),
		kindOf("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses",
			must("value", between(1, 9).frozen()), may("description", word), may("globalDefault", one(false).frozen())).unscoped(),
		kindOf("storage.k8s.io/v1", "StorageClass", "storageclasses",
			must("provisioner", one("example.com/none").frozen()), may("reclaimPolicy", one("Retain", "Delete").frozen()),
			may("allowVolumeExpansion", boolean), may("mountOptions", listOf(one("ro", "soft"), 0, 2)),
			may("allowedTopologies", listOf(obj(must("matchLabelExpressions", listOf(obj(must("key", one("zone")), must("values", listOf(one("a", "b"), 1, 1))), 1, 1))), 0, 1))).unscoped(),
		kindOf("coordination.k8s.io/v1", "Lease", "leases", must("spec", obj(
			may("holderIdentity", word2), may("leaseDurationSeconds", between(10, 20)), may("leaseTransitions", between(0, 3)),
			may("acquireTime", one("2026-01-01T00:00:00.000000Z", "2026-02-01T01:00:00.500000+01:00"))))),
		kindOf("discovery.k8s.io/v1", "EndpointSlice", "endpointslices",
			must("addressType", one("IPv4").frozen()),
			must("endpoints", listOf(obj(must("addresses", listOf(one("192.0.2.1", "192.0.2.2"), 1, 1)), may("nodeName", word2)), 0, 3)),
			may("ports", listOf(obj(must("name", one("a", "b")), must("port", one(int64(80), int64(443)))), 0, 1))),
		kindOf("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", webhooks()).unscoped(),
		kindOf("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", webhooks()).unscoped(),
		kindOf("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", must("spec", obj(
			may("failurePolicy", one("Fail", "Ignore")),
			must("matchConstraints", obj(must("resourceRules", listOf(obj(must("apiGroups", listOf(one("none.example.com"), 1, 1)), must("apiVersions", listOf(one("v1"), 1, 1)),
				must("operations", listOf(one("CREATE", "UPDATE"), 1, 2)), must("resources", listOf(one("things", "others"), 1, 2))), 1, 2)))),
			must("validations", listOf(obj(must("expression", one("true", "object.x == 1")), may("message", word)), 1, 2)),
			may("variables", keyed(obj(must("name", one("a", "b", "c")), must("expression", one("true", "1", "'x'"))), 0, 3, "name")),
			may("matchConditions", keyed(obj(must("name", one("a", "b", "c")), must("expression", one("true", "1 == 1"))), 0, 3, "name"))))).unscoped(),
	}
}

// webhooks never match anything: their rules name a group that nobody serves.
func webhooks() field {
	return must("webhooks", keyed(obj(
		must("name", one("a.example.com", "b.example.com", "c.example.com")),
		must("admissionReviewVersions", listOf(one("v1"), 1, 1)), must("sideEffects", one("None", "NoneOnDryRun")),
		may("failurePolicy", one("Fail", "Ignore")), may("timeoutSeconds", between(1, 9)), may("matchPolicy", one("Exact", "Equivalent")),
		may("objectSelector", selector),
		must("clientConfig", obj(must("service", obj(must("name", one("x", "y")), must("namespace", one("default")), may("path", one("/a", "/b")), may("port", one(int64(443), int64(8443))))))),
		may("matchConditions", keyed(obj(must("name", one("a", "b")), must("expression", one("true", "1 == 1"))), 0, 2, "name")),
		must("rules", listOf(obj(must("apiGroups", listOf(one("none.example.com"), 1, 1)), must("apiVersions", listOf(one("v1"), 1, 1)),
			must("operations", listOf(one("CREATE", "UPDATE"), 1, 1)), must("resources", listOf(one("things", "others"), 1, 2))), 1, 2))), 1, 3, "name"))
}
