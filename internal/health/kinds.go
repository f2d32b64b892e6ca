package health

import (
	"github.com/killick-dev/killick/internal/drift"
)

// kinds are the kinds that need a rule of their own, by GROUP/Kind. Every other
// kind is judged by custom.
var kinds = map[string]func(object) drift.Health{
	"/ConfigMap":             noStatus,
	"/Secret":                noStatus,
	"/ServiceAccount":        noStatus,
	"/Namespace":             namespace,
	"/Node":                  node,
	"/PersistentVolume":      persistentVolume,
	"/PersistentVolumeClaim": persistentVolumeClaim,
	"/Pod":                   pod,
	"/ReplicationController": replicaSet,
	"/Service":               service,

	"apps/DaemonSet":   daemonSet,
	"apps/Deployment":  deployment,
	"apps/ReplicaSet":  replicaSet,
	"apps/StatefulSet": statefulSet,

	"autoscaling/HorizontalPodAutoscaler": horizontalPodAutoscaler,
	"batch/CronJob":                       cronJob,
	"batch/Job":                           job,
	"networking.k8s.io/Ingress":           ingress,
	"policy/PodDisruptionBudget":          podDisruptionBudget,

	"apiextensions.k8s.io/CustomResourceDefinition": customResourceDefinition,
	"apiregistration.k8s.io/APIService":             apiService,
	"snapshot.storage.k8s.io/VolumeSnapshot":        volumeSnapshot,

	"gateway.networking.k8s.io/Gateway":   gateway,
	"gateway.networking.k8s.io/GRPCRoute": route,
	"gateway.networking.k8s.io/HTTPRoute": route,
	"gateway.networking.k8s.io/TCPRoute":  route,
	"gateway.networking.k8s.io/TLSRoute":  route,
	"gateway.networking.k8s.io/UDPRoute":  route,

	"argoproj.io/Application":                    argoApplication,
	"argoproj.io/Rollout":                        argoRollout,
	"bitnami.com/SealedSecret":                   sealedSecret,
	"cert-manager.io/Certificate":                certificate,
	"templates.gatekeeper.sh/ConstraintTemplate": constraintTemplate,
}

// reports are custom kinds whose controllers always write these conditions:
// without them the object has not been looked at yet. (kstatus calls such an
// object Current.)
var reports = map[string][]string{
	"cert-manager.io/Certificate":                             {"Ready"},
	"cert-manager.io/ClusterIssuer":                           {"Ready"},
	"cert-manager.io/Issuer":                                  {"Ready"},
	"external-secrets.io/ClusterExternalSecret":               {"Ready"},
	"external-secrets.io/ClusterSecretStore":                  {"Ready"},
	"external-secrets.io/ExternalSecret":                      {"Ready"},
	"external-secrets.io/PushSecret":                          {"Ready"},
	"external-secrets.io/SecretStore":                         {"Ready"},
	"gateway.networking.k8s.io/Gateway":                       {"Accepted", "Programmed"},
	"gateway.networking.k8s.io/GatewayClass":                  {"Accepted"},
	"helm.toolkit.fluxcd.io/HelmRelease":                      {"Ready"},
	"keda.sh/ScaledJob":                                       {"Ready"},
	"keda.sh/ScaledObject":                                    {"Ready"},
	"kustomize.toolkit.fluxcd.io/Kustomization":               {"Ready"},
	"pkg.crossplane.io/Configuration":                         {"Healthy", "Installed"},
	"pkg.crossplane.io/Function":                              {"Healthy", "Installed"},
	"pkg.crossplane.io/Provider":                              {"Healthy", "Installed"},
	"apiextensions.crossplane.io/CompositeResourceDefinition": {"Established"},
	"postgresql.cnpg.io/Cluster":                              {"Ready"},
	"serving.knative.dev/Service":                             {"Ready"},
	"source.toolkit.fluxcd.io/Bucket":                         {"Ready"},
	"source.toolkit.fluxcd.io/GitRepository":                  {"Ready"},
	"source.toolkit.fluxcd.io/OCIRepository":                  {"Ready"},
	"source.toolkit.fluxcd.io/HelmChart":                      {"Ready"},
}

func noStatus(object) drift.Health { return current("has no status of its own") }
