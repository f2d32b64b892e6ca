package main

import (
	"fmt"
	"slices"
)

// kind is one kind of object with what its objects may look like.
type kind struct {
	apiVersion, name, resource string
	cluster                    bool // cluster-scoped
	scalable                   bool
	custom                     bool // defined by a CRD: no strategic merge patch
	variant                    int  // which of several of that name
	shape                      *shape
	fix                        func(manifest map[string]any) // makes random parts fit together
}

// kindOf adds the metadata that every kind has. Labels and annotations are few,
// so that edits meet. The labels are never taken away as a whole: Killick's own
// is among them.
func kindOf(apiVersion, name, resource string, fields ...field) kind {
	meta := obj(
		must("labels", named(one("a", "b", "c"), "team", "tier", "app.example.com/part", "z")),
		may("annotations", named(word, "note", "example.com/owner", "checksum/config")))
	return kind{apiVersion: apiVersion, name: name, resource: resource,
		shape: obj(append([]field{must("metadata", meta)}, fields...)...)}
}

func (k kind) unscoped() kind { k.cluster = true; return k }
func (k kind) scaled() kind   { k.scalable = true; return k }
func (k kind) crd() kind      { k.custom = true; return k }

func (k kind) fixed(fix func(map[string]any)) kind { k.fix = fix; return k }

// kinds are all kinds, in an order that never changes: seeds choose by it. New
// ones go to the end.
func kinds() []kind {
	all := slices.Concat(coreKinds(), workloadKinds(), otherKinds(), customKinds())
	seen := map[string]int{}
	for i := range all {
		all[i].variant = seen[all[i].name]
		seen[all[i].name]++
	}
	return all
}

var (
	cpu    = one("1", "1000m", "0.5", "500m", int64(1), "2")
	memory = one("1Gi", "1024Mi", "128Mi", "134217728", "2Gi")
	intstr = one(int64(1), int64(2), "25%", "50%")
	// A selector merges as one value everywhere in the API.
	selector = obj(may("matchLabels", named(one("a", "b"), "app", "tier")),
		may("matchExpressions", listOf(obj(must("key", one("zone", "disk")), must("operator", one("Exists", "DoesNotExist"))), 0, 2))).atomic()
)

// ports gives every port of a Service a name of its own.
func ports(manifest map[string]any) {
	spec, _ := manifest["spec"].(map[string]any)
	taken := map[any]bool{}
	items, _ := spec["ports"].([]any)
	for i, item := range items {
		port, _ := item.(map[string]any)
		if taken[port["name"]] {
			port["name"] = fmt.Sprintf("p%d", i)
		}
		taken[port["name"]] = true
	}
}

func coreKinds() []kind {
	port := obj(must("port", one(int64(80), int64(443), int64(8080), int64(9090), int64(5432))),
		must("name", one("a", "b", "c", "d", "e")), may("protocol", one("TCP", "UDP")),
		may("targetPort", one(int64(80), int64(8080), "http", "web")), may("appProtocol", one("http", "example.com/x")))
	return []kind{
		kindOf("v1", "ConfigMap", "configmaps",
			may("data", named(word, "a", "b", "c", "config.yaml", "d.e")), may("binaryData", named(one("AAEC", "/w=="), "bin", "raw"))),
		kindOf("v1", "Secret", "secrets",
			must("type", one("Opaque").frozen()), may("data", named(one("aGVsbG8=", "d29ybGQ=", "", "AAECAw=="), "password", "user", "tls.key"))),
		kindOf("v1", "Service", "services", must("spec", obj(
			must("ports", keyed(port, 1, 3, "port", "protocol").filled("protocol", "TCP")),
			may("selector", named(one("a", "b"), "app", "tier").atomic()),
			may("sessionAffinity", one("None", "ClientIP")), may("publishNotReadyAddresses", boolean),
			may("internalTrafficPolicy", one("Cluster", "Local")),
			may("externalIPs", listOf(one("192.0.2.1", "192.0.2.2"), 1, 2))))).fixed(ports),
		kindOf("v1", "Service", "services", must("spec", obj( // one port without a name
			must("ports", keyed(obj(must("port", one(int64(80), int64(443), int64(8080))), may("protocol", one("TCP", "UDP")),
				may("targetPort", one(int64(80), "http"))), 1, 1, "port", "protocol").filled("protocol", "TCP")),
			must("clusterIP", one("None").frozen()), must("selector", named(one("a", "b"), "app", "tier").atomic())))),
		kindOf("v1", "ServiceAccount", "serviceaccounts",
			may("automountServiceAccountToken", boolean),
			may("imagePullSecrets", listOf(obj(must("name", one("p", "q", "r"))), 0, 2)),
			may("secrets", keyed(obj(must("name", one("s", "t", "u"))), 0, 3, "name"))),
		kindOf("v1", "PersistentVolumeClaim", "persistentvolumeclaims", must("spec", obj(
			must("accessModes", listOf(one("ReadWriteOnce"), 1, 1)), must("storageClassName", one("oracle-none")),
			must("resources", obj(must("requests", named(one("1Gi", "1024Mi"), "storage"))))).frozen())).fixed(claim),
		kindOf("v1", "PersistentVolume", "persistentvolumes", must("spec", obj(
			must("capacity", obj(must("storage", one("1Gi", "1024Mi", "2Gi")))),
			must("accessModes", listOf(one("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"), 1, 2)),
			must("hostPath", obj(must("path", one("/x"))).frozen()), must("storageClassName", one("oracle-none")),
			may("persistentVolumeReclaimPolicy", one("Retain", "Delete")),
			may("mountOptions", listOf(one("ro", "soft"), 0, 2))))).unscoped(),
		kindOf("v1", "LimitRange", "limitranges", must("spec", obj(must("limits", listOf(obj( // of a type that nothing has
			must("type", one("example.com/none")), may("max", named(memory, "storage", "memory")), may("min", named(one("1Mi", "1048576"), "storage"))), 1, 1))))),
		kindOf("v1", "ResourceQuota", "resourcequotas", must("spec", obj(
			may("hard", named(one("5k", "5000", int64(6000), "6k"), "services", "secrets", "count/widgets.oracle.example.com"))))),
		kindOf("v1", "ReplicationController", "replicationcontrollers", must("spec", obj(
			may("replicas", between(0, 3)), may("minReadySeconds", between(0, 5)),
			must("selector", named(one("a"), "app").frozen()), must("template", podTemplate())))).scaled().fixed(workload),
		kindOf("v1", "PodTemplate", "podtemplates", must("template", podTemplate())).fixed(bareTemplate),
		kindOf("v1", "Pod", "pods", must("spec", obj(
			must("schedulingGates", keyed(obj(must("name", one("example.com/gate"))), 1, 1, "name").frozen()),
			may("activeDeadlineSeconds", one(int64(3600)).frozen()),
			must("containers", keyed(obj(must("name", one("app").frozen()),
				must("image", one("example.com/a:1", "example.com/a:2", "example.com/b:1")),
				may("env", keyed(obj(must("name", one("A", "B")), may("value", word)), 0, 2, "name").frozen())), 1, 1, "name")),
			may("tolerations", listOf(obj(must("key", one("k", "l")), must("operator", one("Exists"))), 1, 1).frozen())))),
	}
}
