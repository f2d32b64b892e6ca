// Command plain measures what needs no engine: one GET and one server-side-apply
// dry-run per object, and the bare LISTs of the objects that Killick owns. It also
// makes the objects that peers without an apply of their own are measured on.
//
// Operations:
//
//   - diff: GET and forced dry-run per object, compared without managedFields,
//     resourceVersion, generation and status;
//   - list: after discovery, every kind with the selector of ApplySets, in pages of
//     500. The file holds one line per kind, not the objects. Of a page it decodes
//     no more than tells one state of an object from another: the items as raw JSON,
//     of each its head;
//   - heads: the same LISTs, of metadata alone and as protobuf, which is what an idle
//     run of Killick asks for;
//   - apply: a forced server-side apply per object;
//   - create: a POST per object with the annotation of a client-side apply.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	kjson "sigs.k8s.io/json"

	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

func main() { peer.Main(run) }

type bench struct {
	options peer.Options
	objects []*unstructured.Unstructured
	config  *rest.Config
	http    *http.Client
	mapper  meta.RESTMapper
	dynamic dynamic.Interface
	answer  *peer.Answer
}

func run(options peer.Options, answer *peer.Answer) error {
	b := &bench{options: options, answer: answer}
	if err := b.connect(); err != nil {
		return err
	}
	if err := b.read(); err != nil {
		return err
	}
	ctx := context.Background()
	switch options.Op {
	case "list":
		return b.list(ctx, wholeObjects)
	case "heads":
		return b.list(ctx, metadataAlone)
	case "apply":
		return b.each(ctx, b.apply)
	case "create":
		return b.each(ctx, b.create)
	case "diff":
		return b.each(ctx, b.diff)
	}
	return fmt.Errorf("no operation %q", options.Op)
}

func (b *bench) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", b.options.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	b.config = config
	if b.http, err = rest.HTTPClientFor(config); err != nil {
		return err
	}
	disco, err := discovery.NewDiscoveryClientForConfigAndClient(config, b.http)
	if err != nil {
		return err
	}
	groups, err := restmapper.GetAPIGroupResources(disco)
	if err != nil {
		return err
	}
	b.mapper = restmapper.NewDiscoveryRESTMapper(groups)
	b.dynamic, err = dynamic.NewForConfigAndClient(config, b.http)
	return err
}

func (b *bench) read() error {
	entries, err := b.options.Read()
	if err != nil {
		return err
	}
	for _, entry := range entries {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(entry.Object); err != nil {
			return err
		}
		b.objects = append(b.objects, object)
	}
	return nil
}

// each works on all objects, cluster-wide ones first, as others need them.
func (b *bench) each(ctx context.Context, do func(context.Context, dynamic.ResourceInterface, *unstructured.Unstructured) error) error {
	for _, global := range []bool{true, false} {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(b.options.Concurrency)
		for _, object := range b.objects {
			if (object.GetNamespace() == "") != global {
				continue
			}
			group.Go(func() error {
				target, err := b.target(object)
				if err != nil {
					return err
				}
				return do(ctx, target, object)
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) target(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := b.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	return b.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

func (b *bench) patch(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured, dryRun ...string) (*unstructured.Unstructured, error) {
	body, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	force := true
	return target.Patch(ctx, object.GetName(), types.ApplyPatchType, body,
		metav1.PatchOptions{FieldManager: b.options.Manager, Force: &force, DryRun: dryRun})
}

func (b *bench) apply(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured) error {
	_, err := b.patch(ctx, target, object)
	return err
}

func (b *bench) create(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured) error {
	applied, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	object = object.DeepCopy()
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[corev1.LastAppliedConfigAnnotation] = string(applied)
	object.SetAnnotations(annotations)
	_, err = target.Create(ctx, object, metav1.CreateOptions{FieldManager: b.options.Manager})
	return err
}

func (b *bench) diff(ctx context.Context, target dynamic.ResourceInterface, object *unstructured.Unstructured) error {
	live, err := target.Get(ctx, object.GetName(), metav1.GetOptions{})
	if errors.IsNotFound(err) {
		b.answer.Differ(id(object))
		return nil
	}
	if err != nil {
		return err
	}
	merged, err := b.patch(ctx, target, object, metav1.DryRunAll)
	switch {
	case err != nil:
		b.answer.Fail(id(object), err)
	case !reflect.DeepEqual(judged(live), judged(merged)):
		b.answer.Differ(id(object))
	}
	return nil
}

func judged(object *unstructured.Unstructured) map[string]any {
	for _, path := range [][]string{{"metadata", "managedFields"}, {"metadata", "resourceVersion"}, {"metadata", "generation"}, {"status"}} {
		unstructured.RemoveNestedField(object.Object, path...)
	}
	return object.Object
}

// memberSelector is the one Killick lists with: any object of any ApplySet.
const memberSelector = "applyset.kubernetes.io/part-of"

// form is how a LIST is asked for and read.
type form struct {
	accept string
	read   func(body []byte) (heads []head, next string, err error)
}

var (
	wholeObjects  = form{"application/json", readPage}
	metadataAlone = form{"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", readHeads}
)

func (b *bench) list(ctx context.Context, as form) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.options.Concurrency)
	var read, items atomic.Int64
	for _, object := range b.objects { // one per kind
		kind := object.GroupVersionKind()
		mapping, err := b.mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return err
		}
		group.Go(func() error { return b.pages(ctx, mapping.Resource, as, &read, &items) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if int(items.Load()) < b.options.Count {
		return fmt.Errorf("listed %d objects, of which there are %d", items.Load(), b.options.Count)
	}
	b.answer.Bytes = read.Load()
	return nil
}

func (b *bench) pages(ctx context.Context, of schema.GroupVersionResource, as form, read, items *atomic.Int64) error {
	root := "/apis/" + of.Group + "/" + of.Version
	if of.Group == "" {
		root = "/api/" + of.Version
	}
	query := url.Values{"limit": {"500"}, "labelSelector": {memberSelector}}
	for {
		body, err := b.get(ctx, root+"/"+of.Resource+"?"+query.Encode(), as.accept)
		if err != nil {
			return err
		}
		heads, next, err := as.read(body)
		if err != nil {
			return err
		}
		read.Add(int64(len(body)))
		items.Add(int64(len(heads)))
		if next == "" {
			return nil
		}
		query.Set("continue", next)
	}
}

// head is what Killick reads of an object that it remembers (internal/cluster).
type head struct {
	Metadata struct {
		Name            string `json:"name"`
		Namespace       string `json:"namespace"`
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
}

// readPage decodes one page of whole objects.
func readPage(body []byte) (heads []head, next string, err error) {
	var page struct {
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &page); err != nil {
		return nil, "", err
	}
	for _, raw := range page.Items {
		var of head
		if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &of); err != nil {
			return nil, "", err
		}
		heads = append(heads, of)
	}
	return heads, page.Metadata.Continue, nil
}

// metadata decodes lists of metadata, as Killick does.
var metadata = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(metav1.AddMetaToScheme(scheme))
	return serializer.NewCodecFactory(scheme).UniversalDeserializer()
}()

// readHeads decodes one page of metadata.
func readHeads(body []byte) (heads []head, next string, err error) {
	object, _, err := metadata.Decode(body, nil, nil)
	if err != nil {
		return nil, "", err
	}
	list, ok := object.(*metav1.PartialObjectMetadataList)
	if !ok {
		return nil, "", fmt.Errorf("not a list of metadata but a %T", object)
	}
	for i := range list.Items {
		var of head
		of.Metadata.Name, of.Metadata.Namespace = list.Items[i].Name, list.Items[i].Namespace
		of.Metadata.UID, of.Metadata.ResourceVersion = string(list.Items[i].UID), list.Items[i].ResourceVersion
		heads = append(heads, of)
	}
	return heads, list.Continue, nil
}

func (b *bench) get(ctx context.Context, path, accept string) (_ []byte, failed error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(b.config.Host, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accept)
	response, err := b.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		var status metav1.Status
		_ = json.Unmarshal(body, &status)
		return nil, fmt.Errorf("GET %s: %s: %s", path, response.Status, status.Message)
	}
	return body, nil
}

func id(object *unstructured.Unstructured) string {
	kind := object.GroupVersionKind()
	return peer.ID(kind.Group, kind.Kind, object.GetNamespace(), object.GetName())
}
