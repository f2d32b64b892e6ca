package summary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/nested"
)

// Replaced is the report's words for an object that is deleted and created again.
const Replaced = "delete and create again"

// LostByReplacing names what goes with an object that is deleted and created again, and does not
// come back with it as it was: what it owns (the garbage collector deletes that, too), and
// what the API server or a controller chose for it. desired is Git's manifest: what it
// names itself comes back.
func LostByReplacing(id drift.ID, live, desired map[string]any) []string {
	if live == nil {
		return nil
	}
	lost := lostByKind(id, live, desired)
	if finalizers, _ := nested.Metadata(live)["finalizers"].([]any); len(finalizers) > 0 {
		lost = append(lost, fmt.Sprintf("whatever its finalizers clean up (%s)", words(finalizers)))
	}
	if len(lost) == 0 {
		lost = []string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}
	}
	return lost
}

// lostByKind knows the kinds of Kubernetes itself. What a custom resource stands for only
// its controller knows.
func lostByKind(id drift.ID, live, desired map[string]any) []string {
	switch id.GroupKind() {
	case "Deployment.apps", "ReplicaSet.apps", "DaemonSet.apps", "ReplicationController":
		return append([]string{podsOf(live, "status.replicas", "status.currentNumberScheduled")}, historyOf(id)...)
	case "StatefulSet.apps":
		return append([]string{podsOf(live, "status.replicas")}, claimsOf(live)...)
	case "Job.batch":
		return []string{podsOf(live) + " and their logs, and what it has done: it runs again"}
	case "CronJob.batch":
		return []string{"its Jobs and their Pods, running ones included"}
	case "Pod":
		return []string{"its containers, their logs and emptyDir volumes"}
	case "Service":
		return addressesOf(live, desired)
	case "Ingress.networking.k8s.io", "Gateway.gateway.networking.k8s.io":
		return loadBalancerOf(live)
	case "PersistentVolumeClaim":
		if volume := textAt(live, "spec.volumeName"); volume != "" {
			return []string{fmt.Sprintf("the data on its volume %q, unless that is retained", volume)}
		}
	case "PersistentVolume":
		return []string{"its binding to a claim"}
	case "VolumeSnapshot.snapshot.storage.k8s.io":
		return []string{"the snapshot, unless its class retains it"}
	case "ServiceAccount":
		return []string{"the tokens issued for it: they are not valid for the new one"}
	case "Secret":
		if textAt(live, "type") == "kubernetes.io/service-account-token" {
			return []string{"the token in it"}
		}
	case "Namespace":
		return []string{"everything in it"}
	case "CustomResourceDefinition.apiextensions.k8s.io":
		return []string{"every object of the kind that it defines"}
	}
	if strings.Contains(id.Group, ".") && !strings.HasSuffix(id.Group, ".k8s.io") {
		return []string{"its status, and what its controller made for it"}
	}
	return nil
}

func podsOf(live map[string]any, counts ...string) string {
	for _, place := range counts {
		value, _ := nested.ValueAt(live, strings.Split(place, "."))
		if n, ok := nested.Number(value); ok && n > 0 {
			if n == 1 {
				return "its Pod"
			}
			return fmt.Sprintf("its %d Pods, all at once", int(n))
		}
	}
	return "its Pods"
}

func historyOf(id drift.ID) []string {
	if id.Kind == "Deployment" {
		return []string{"its ReplicaSets: there is no earlier revision to roll back to"}
	}
	return nil
}

// claimsOf says what becomes of a StatefulSet's claims: they stay, unless it says
// otherwise (KEP-1847).
func claimsOf(live map[string]any) []string {
	templates, _ := nested.ValueAt(live, nested.Path{"spec", "volumeClaimTemplates"})
	if list, _ := templates.([]any); len(list) == 0 {
		return nil
	}
	if textAt(live, "spec.persistentVolumeClaimRetentionPolicy.whenDeleted") == "Delete" {
		return []string{"the claims of its volumes and their data (its retention policy says Delete)"}
	}
	return []string{"nothing of its volumes: their claims stay as they are, and the new Pods use them"}
}

// addressesOf are what the API server and the cloud gave a Service, where Git does not ask
// for the very same.
func addressesOf(live, desired map[string]any) []string {
	var lost []string
	if ip := textAt(live, "spec.clusterIP"); ip != "" && ip != "None" && textAt(desired, "spec.clusterIP") != ip {
		lost = append(lost, "cluster IP "+ip)
	}
	if ports := nodePorts(live); len(ports) > 0 && !slices.Equal(ports, nodePorts(desired)) {
		lost = append(lost, "node ports "+strings.Join(ports, ", "))
	}
	return append(lost, loadBalancerOf(live)...)
}

func nodePorts(service map[string]any) []string {
	var ports []string
	list, _ := nested.ValueAt(service, nested.Path{"spec", "ports"})
	items, _ := list.([]any)
	for _, item := range items {
		if n, ok := nested.Number(mapOf(item)["nodePort"]); ok && n > 0 {
			ports = append(ports, fmt.Sprint(int(n)))
		}
	}
	return ports
}

func loadBalancerOf(live map[string]any) []string {
	var addresses []any
	for _, place := range []nested.Path{{"status", "loadBalancer", "ingress"}, {"status", "addresses"}} {
		list, _ := nested.ValueAt(live, place)
		items, _ := list.([]any)
		for _, item := range items {
			for _, key := range []string{"ip", "hostname", "value"} {
				if address := nested.StringAt(mapOf(item), key); address != "" {
					addresses = append(addresses, address)
				}
			}
		}
	}
	if len(addresses) == 0 {
		return nil
	}
	return []string{"load balancer address " + words(addresses)}
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func textAt(object map[string]any, place string) string {
	value, _ := nested.ValueAt(object, strings.Split(place, "."))
	text, _ := value.(string)
	return text
}

func words(values []any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ", ")
}
