package main

import "slices"

// podTemplate is a pod template as every workload has it.
func podTemplate() *shape {
	return obj(
		must("metadata", obj(must("labels", named(one("a"), "app").frozen()),
			may("annotations", named(word, "note", "checksum/config")))),
		must("spec", podSpec()))
}

func podSpec() *shape {
	return obj(
		must("containers", keyed(container(), 1, 3, "name")),
		may("initContainers", keyed(container(), 0, 2, "name")),
		may("volumes", keyed(volume(), 0, 3, "name")),
		may("serviceAccountName", one("default", "builder")),
		may("automountServiceAccountToken", boolean),
		may("terminationGracePeriodSeconds", one(int64(30), int64(10), int64(60))),
		may("dnsPolicy", one("ClusterFirst", "Default")),
		may("hostNetwork", one(false)),
		may("priorityClassName", one("")),
		may("nodeSelector", named(one("a", "b"), "disk", "zone").atomic()),
		may("tolerations", listOf(obj(must("key", one("k", "l", "m")), must("operator", one("Exists")), may("effect", one("NoSchedule"))), 0, 3)),
		may("imagePullSecrets", keyed(obj(must("name", one("p", "q", "r"))), 0, 2, "name")),
		may("hostAliases", keyed(obj(must("ip", one("192.0.2.1", "192.0.2.2")), may("hostnames", listOf(one("a.example", "b.example"), 1, 2))), 0, 2, "ip")),
		may("topologySpreadConstraints", keyed(obj(
			must("topologyKey", one("zone", "host")), must("whenUnsatisfiable", one("DoNotSchedule", "ScheduleAnyway")),
			must("maxSkew", between(1, 3)), may("labelSelector", selector)), 0, 2, "topologyKey", "whenUnsatisfiable")),
		may("securityContext", obj(may("runAsNonRoot", boolean), may("runAsUser", between(1, 3)),
			may("supplementalGroups", listOf(between(1, 5), 0, 3)))),
		may("affinity", obj(may("nodeAffinity", obj(may("preferredDuringSchedulingIgnoredDuringExecution", listOf(obj(
			must("weight", between(1, 9)), must("preference", obj(must("matchExpressions",
				listOf(obj(must("key", one("zone")), must("operator", one("Exists"))), 1, 1))))), 0, 2)))))),
		may("dnsConfig", obj(may("nameservers", listOf(one("192.0.2.53", "192.0.2.54"), 1, 2)), may("searches", listOf(one("a.example", "b.example"), 1, 2)))))
}

func container() *shape {
	return obj(
		must("name", one("app", "side", "log", "aux")),
		must("image", one("example.com/a:1", "example.com/a:2", "example.com/b@sha256:"+digest, "example.com/c:3")),
		may("imagePullPolicy", one("Always", "IfNotPresent")),
		may("env", keyed(obj(must("name", one("A", "B", "C", "D")), may("value", one("1", "", "1000m", "x", "true"))), 0, 4, "name")),
		may("ports", keyed(obj(must("containerPort", one(int64(80), int64(443), int64(8080))), may("protocol", one("TCP", "UDP"))),
			0, 3, "containerPort", "protocol").filled("protocol", "TCP")),
		may("resources", obj(
			may("limits", obj(may("cpu", one("2", "2000m", int64(2), "3")), may("memory", one("2Gi", "2048Mi")))),
			may("requests", obj(may("cpu", one("1", "1000m", "0.5", int64(1))), may("memory", one("1Gi", "1024Mi", "128Mi")))))),
		may("command", listOf(one("sh", "-c", "run"), 1, 3)),
		may("args", listOf(one("--a", "--b", "--c=1"), 0, 3)),
		may("volumeMounts", keyed(obj(must("name", one("v0", "v1")), must("mountPath", one("/a", "/b", "/c")), may("readOnly", boolean)), 0, 3, "mountPath")),
		may("securityContext", obj(may("readOnlyRootFilesystem", boolean), may("runAsUser", between(1, 3)),
			may("capabilities", obj(may("drop", listOf(one("ALL", "NET_RAW"), 0, 2)))))),
		may("livenessProbe", obj(must("httpGet", obj(must("port", one(int64(80), "http", int64(8080))), may("path", one("/", "/live")))),
			may("periodSeconds", between(5, 12)), may("initialDelaySeconds", between(0, 3)))),
		may("envFrom", listOf(obj(must("configMapRef", obj(must("name", one("x", "y"))))), 0, 2)))
}

const digest = "0123456789012345678901234567890123456789012345678901234567890123"

func volume() *shape {
	return obj(
		must("name", one("v0", "v1", "v2")),
		may("emptyDir", obj(may("medium", one("", "Memory")), may("sizeLimit", memory))),
		may("configMap", obj(must("name", one("x", "y")), may("defaultMode", one(int64(420), int64(256))), may("optional", boolean),
			may("items", listOf(obj(must("key", one("k", "l")), must("path", one("m", "n"))), 0, 2)))))
}

func workloadKinds() []kind {
	rolling := func(fields ...field) *shape {
		return obj(must("type", one("RollingUpdate").frozen()), may("rollingUpdate", obj(fields...)))
	}
	fixedSelector := must("selector", obj(must("matchLabels", named(one("a"), "app"))).frozen())
	return []kind{
		kindOf("apps/v1", "Deployment", "deployments", must("spec", obj(
			may("replicas", between(0, 3)), may("minReadySeconds", between(0, 9)), may("revisionHistoryLimit", between(0, 9)),
			may("paused", boolean), may("progressDeadlineSeconds", between(100, 103)), fixedSelector,
			may("strategy", rolling(may("maxSurge", intstr), may("maxUnavailable", intstr))), must("template", podTemplate())))).scaled().fixed(workload),
		kindOf("apps/v1", "StatefulSet", "statefulsets", must("spec", obj(
			may("replicas", between(0, 2)), must("serviceName", one("x").frozen()), fixedSelector, may("minReadySeconds", between(0, 9)),
			may("updateStrategy", rolling(may("partition", between(0, 2)))),
			may("persistentVolumeClaimRetentionPolicy", obj(may("whenDeleted", one("Retain", "Delete")), may("whenScaled", one("Retain", "Delete")))),
			must("template", podTemplate())))).scaled().fixed(workload),
		kindOf("apps/v1", "DaemonSet", "daemonsets", must("spec", obj(
			fixedSelector, may("minReadySeconds", between(0, 9)), may("revisionHistoryLimit", between(0, 9)),
			may("updateStrategy", rolling(may("maxUnavailable", intstr))), must("template", podTemplate())))).fixed(workload),
		kindOf("apps/v1", "ReplicaSet", "replicasets", must("spec", obj(
			may("replicas", between(0, 2)), may("minReadySeconds", between(0, 9)), fixedSelector, must("template", podTemplate())))).scaled().fixed(workload),
		kindOf("batch/v1", "Job", "jobs", must("spec", obj(
			must("suspend", one(true).frozen()), may("parallelism", between(1, 3)), may("backoffLimit", between(1, 6)),
			may("activeDeadlineSeconds", between(1000, 1003)), may("ttlSecondsAfterFinished", between(100, 102)),
			must("template", obj(must("spec", obj(must("restartPolicy", one("Never")),
				must("containers", keyed(container(), 1, 2, "name"))))).frozen())))).fixed(batch),
		kindOf("batch/v1", "CronJob", "cronjobs", must("spec", obj(
			must("schedule", one("0 0 1 1 *", "@yearly", "5 4 1 1 *")), must("suspend", one(true).frozen()),
			may("concurrencyPolicy", one("Allow", "Forbid", "Replace")), may("timeZone", one("Etc/UTC", "Europe/Berlin")),
			may("successfulJobsHistoryLimit", between(0, 3)), may("startingDeadlineSeconds", between(10, 20)),
			must("jobTemplate", obj(may("metadata", obj(may("labels", named(word2, "job", "kind")))),
				must("spec", obj(may("backoffLimit", between(1, 6)), must("template", obj(must("spec", obj(must("restartPolicy", one("Never", "OnFailure")),
					may("tolerations", listOf(obj(must("key", one("k", "l")), must("operator", one("Exists"))), 0, 2)),
					must("containers", keyed(container(), 1, 2, "name"))))))))))))).fixed(batch),
	}
}

// word2 is a valid label value.
var word2 = one("a", "b", "c")

// claim makes a claim ask for storage.
func claim(manifest map[string]any) {
	spec, _ := manifest["spec"].(map[string]any)
	spec["resources"] = map[string]any{"requests": map[string]any{"storage": "1Gi"}}
}

func workload(manifest map[string]any) {
	spec, _ := manifest["spec"].(map[string]any)
	labels := map[string]any{"app": "a"}
	if manifest["kind"] == "ReplicationController" {
		spec["selector"] = labels
	} else {
		spec["selector"] = map[string]any{"matchLabels": labels}
	}
	template, _ := spec["template"].(map[string]any)
	meta, _ := template["metadata"].(map[string]any)
	meta["labels"] = map[string]any{"app": "a"}
	pod, _ := template["spec"].(map[string]any)
	fit(pod)
}

func bareTemplate(manifest map[string]any) {
	template, _ := manifest["template"].(map[string]any)
	meta, _ := template["metadata"].(map[string]any)
	meta["labels"] = map[string]any{"app": "a"}
	pod, _ := template["spec"].(map[string]any)
	fit(pod)
}

func batch(manifest map[string]any) {
	spec, _ := manifest["spec"].(map[string]any)
	if inner, ok := spec["jobTemplate"].(map[string]any); ok {
		spec, _ = inner["spec"].(map[string]any)
	}
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	fit(pod)
}

// fit makes a pod's parts fit together: mounts have volumes, a volume has one
// source, names are not used twice.
func fit(pod map[string]any) {
	volumes, _ := pod["volumes"].([]any)
	known := map[any]bool{}
	for _, item := range volumes {
		v, _ := item.(map[string]any)
		known[v["name"]] = true
		if v["emptyDir"] != nil {
			delete(v, "configMap")
		}
		source, _ := v["configMap"].(map[string]any)
		if items, _ := source["items"].([]any); len(items) > 1 {
			source["items"] = items[:1]
		}
	}
	taken := map[any]bool{}
	for _, key := range []string{"containers", "initContainers"} {
		items, _ := pod[key].([]any)
		kept := items[:0]
		for _, item := range items {
			c, _ := item.(map[string]any)
			if taken[c["name"]] {
				continue
			}
			taken[c["name"]] = true
			kept = append(kept, item)
			if key == "initContainers" {
				delete(c, "livenessProbe")
			}
			if mounts, ok := c["volumeMounts"].([]any); ok {
				c["volumeMounts"] = slices.DeleteFunc(mounts, func(m any) bool { return !known[m.(map[string]any)["name"]] })
			}
		}
		if items != nil {
			pod[key] = kept
		}
	}
}
