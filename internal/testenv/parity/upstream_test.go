package parity

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/getter"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
)

const kubeVersion = "v1.36.3"

// kustomizeBuild is `kustomize build --load-restrictor=LoadRestrictionsNone`.
func kustomizeBuild(folder string) ([]byte, error) {
	openapi.ResetOpenAPI()
	defer openapi.ResetOpenAPI()
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	return resources.AsYaml()
}

// helmTemplate is `helm template --include-crds --no-hooks`.
func helmTemplate(folder string, app drift.App) ([]byte, error) {
	version, err := chartutil.ParseKubeVersion(kubeVersion)
	if err != nil {
		return nil, err
	}
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun, install.DryRunOption = true, true, "client"
	install.IncludeCRDs, install.DisableHooks = app.Helm.IncludeCRDs, true
	install.Namespace, install.KubeVersion = app.Namespace, version
	install.ReleaseName = app.Helm.ReleaseName
	if install.ReleaseName == "" {
		install.ReleaseName = app.Name
	}
	inline, err := os.CreateTemp("", "values-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(inline.Name()) //nolint:errcheck // a temporary file
	text, err := yaml.Marshal(app.Helm.Values)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.WriteFile(inline.Name(), text, 0o600), inline.Close()); err != nil {
		return nil, err
	}
	options := values.Options{ValueFiles: append(append([]string{}, app.Helm.ValueFiles...), inline.Name())}
	merged, err := options.MergeValues(getter.All(cli.New()))
	if err != nil {
		return nil, err
	}
	chart, err := loader.Load(folder)
	if err != nil {
		return nil, err
	}
	if err := action.CheckDependencies(chart, chart.Metadata.Dependencies); err != nil {
		return nil, err
	}
	release, err := install.RunWithContext(context.Background(), chart, merged)
	if err != nil {
		return nil, err
	}
	return []byte(release.Manifest), nil
}

// parse reads a stream of manifests with kubectl's own decoder.
func parse(stream []byte) ([]map[string]any, error) {
	var manifests []map[string]any
	decoder := yamlreader.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		var raw runtime.RawExtension
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return manifests, nil
		}
		if err != nil {
			return nil, err
		}
		if text := bytes.TrimSpace(raw.Raw); len(text) == 0 || string(text) == "null" {
			continue
		}
		object, _, err := unstructured.UnstructuredJSONScheme.Decode(raw.Raw, nil, nil)
		if err != nil {
			return nil, err
		}
		switch object := object.(type) {
		case *unstructured.Unstructured:
			manifests = append(manifests, object.Object)
		case *unstructured.UnstructuredList:
			for _, item := range object.Items {
				manifests = append(manifests, item.Object)
			}
		}
	}
}

// normal applies the normal form that package render documents, written down a
// second time so that a mistake there shows here.
func normal(manifests []map[string]any, app drift.App) (map[string]any, error) {
	clusterScoped := map[string]bool{}
	for _, manifest := range manifests {
		if manifest["kind"] == "CustomResourceDefinition" {
			scope, _, _ := unstructured.NestedString(manifest, "spec", "scope")
			kind, _, _ := unstructured.NestedString(manifest, "spec", "names", "kind")
			group, _, _ := unstructured.NestedString(manifest, "spec", "group")
			clusterScoped[group+"/"+kind] = scope == "Cluster"
		}
	}
	objects := map[string]any{}
	for _, manifest := range manifests {
		object := unstructured.Unstructured{Object: manifest}
		gvk := object.GroupVersionKind()
		namespaced, known := openapi.IsNamespaceScoped(kyaml.TypeMeta{APIVersion: object.GetAPIVersion(), Kind: object.GetKind()})
		if !known {
			namespaced = !clusterScoped[gvk.Group+"/"+gvk.Kind]
		}
		switch {
		case !namespaced:
			object.SetNamespace("")
		case object.GetNamespace() == "":
			object.SetNamespace(app.Namespace)
		}
		unstructured.RemoveNestedField(manifest, "status")
		unstructured.RemoveNestedField(manifest, "metadata", "creationTimestamp")
		if gvk.Kind == "Secret" && gvk.Group == "" {
			if app.Secrets != drift.SecretsManage {
				continue
			}
			if err := foldSecret(manifest); err != nil {
				return nil, err
			}
		}
		if gvk.Kind == "ConfigMap" && gvk.Group == "" {
			if data, ok := manifest["data"].(map[string]any); ok {
				for key, v := range data {
					if v == nil {
						data[key] = ""
					}
				}
			}
		}
		unstructured.RemoveNestedField(manifest, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
		for _, field := range []string{"annotations", "uid", "ownerReferences"} {
			if metadata, ok := manifest["metadata"].(map[string]any); ok && reflect.ValueOf(metadata[field]).Kind() != reflect.Invalid &&
				reflect.ValueOf(metadata[field]).Len() == 0 {
				delete(metadata, field)
			}
		}
		id := fmt.Sprintf("%s/%s %s/%s", gvk.Group, gvk.Kind, object.GetNamespace(), object.GetName())
		if _, twice := objects[id]; twice {
			return nil, fmt.Errorf("upstream has %s twice", id)
		}
		objects[id] = withoutNulls(manifest)
	}
	return objects, nil
}

func foldSecret(manifest map[string]any) error {
	data, _ := manifest["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for key, v := range data {
		text, _ := v.(string)
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		data[key] = base64.StdEncoding.EncodeToString(decoded)
	}
	plain, _ := manifest["stringData"].(map[string]any)
	for key, v := range plain {
		text, _ := v.(string)
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(manifest, "stringData")
	if len(data) > 0 {
		manifest["data"] = data
	}
	return nil
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, item := range v {
			if item != nil {
				kept[key] = withoutNulls(item)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, item := range v {
			kept[i] = withoutNulls(item)
		}
		return kept
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return v
}
