package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/rest"

	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

// twoItems is a page with another one behind it.
const twoItems = `{"metadata":{"continue":"more"},"items":[
{"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7","labels":{"x":"y"}},"data":{"k":"v"}},
{"metadata":{"name":"b"}}]}`

func TestReadPageReadsHeads(t *testing.T) {
	heads, next, err := readPage([]byte(twoItems))
	if err != nil || next != "more" || len(heads) != 2 {
		t.Fatalf("%d heads, next %q, %v", len(heads), next, err)
	}
	first := heads[0].Metadata
	if first.Name != "a" || first.Namespace != "n" || first.UID != "u" || first.ResourceVersion != "7" {
		t.Errorf("the head is %+v", first)
	}
	if _, _, err := readPage([]byte(`{"items":[{"metadata":3}]}`)); err == nil {
		t.Error("an item without a head is read")
	}
}

func TestReadHeads(t *testing.T) {
	list := metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{Continue: "more"}, Items: []metav1.PartialObjectMetadata{
		{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "n", UID: "u", ResourceVersion: "7"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}}}
	var body bytes.Buffer
	scheme := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "meta.k8s.io", Version: "v1", Kind: "PartialObjectMetadataList"})
	if err := protobuf.NewSerializer(scheme, scheme).Encode(&list, &body); err != nil {
		t.Fatal(err)
	}
	heads, next, err := readHeads(body.Bytes())
	if err != nil || next != "more" || len(heads) != 2 {
		t.Fatalf("%d heads, next %q, %v", len(heads), next, err)
	}
	first := heads[0].Metadata
	if first.Name != "a" || first.Namespace != "n" || first.UID != "u" || first.ResourceVersion != "7" {
		t.Errorf("the head is %+v", first)
	}
	if _, _, err := readHeads([]byte(twoItems)); err == nil {
		t.Error("whole objects are read as metadata")
	}
}

// What the list reads from disk is one line per kind, and the count says whether
// it saw all objects.
func TestListNeedsKindsAndACount(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query(); got.Get("labelSelector") != memberSelector || got.Get("limit") != "500" {
			t.Errorf("asked for %s", r.URL)
		}
		page := twoItems
		if r.URL.Query().Get("continue") != "" {
			page = `{"metadata":{},"items":[{"metadata":{"name":"c"}}]}`
		}
		_, _ = w.Write([]byte(page))
	}))
	defer server.Close()
	kinds := filepath.Join(t.TempDir(), "kinds")
	line := `{"app":"x","object":{"apiVersion":"v1","kind":"ConfigMap"}}` + "\n"
	if err := os.WriteFile(kinds, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, meta.RESTScopeNamespace)
	for _, c := range []struct {
		name  string
		count int
		fails bool
	}{
		{"all are found", 3, false},
		{"one is missing", 4, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{options: peer.Options{Objects: kinds, Count: c.count, Concurrency: 4}, http: server.Client(),
				config: &rest.Config{Host: server.URL}, mapper: mapper, answer: &peer.Answer{}}
			if err := b.read(); err != nil {
				t.Fatal(err)
			}
			if err := b.list(context.Background(), wholeObjects); (err != nil) != c.fails {
				t.Errorf("the list ends with %v", err)
			}
		})
	}
}
