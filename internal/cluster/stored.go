package cluster

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"k8s.io/apimachinery/pkg/types"

	"github.com/killick-dev/killick/internal/drift"
)

const (
	managedByLabel = "app.kubernetes.io/managed-by"
	ownSelector    = managedByLabel + "=" + toolingName // Killick's own ConfigMaps
)

// maxPacked bounds what is stored in one ConfigMap, base64 aside: the API
// server takes 1 MiB of data (kubernetes, pkg/apis/core, MaxSecretSize), and
// annotations need room.
const maxPacked = 1000 * 1000

// maxUnpacked bounds what is read back, so that a small object cannot fill the
// memory.
const maxUnpacked = 64 << 20

var (
	configMaps = resource{
		Kind:     drift.Kind{Version: "v1", Kind: "ConfigMap"},
		KindInfo: drift.KindInfo{Resource: "configmaps", Namespaced: true},
	}
	secrets = resource{
		Kind:     drift.Kind{Version: "v1", Kind: "Secret"},
		KindInfo: drift.KindInfo{Resource: "secrets", Namespaced: true},
	}
)

// stored is what was last read or written under one name.
type stored struct {
	version string // resourceVersion; "" when the object does not exist
	packed  []byte
	guards  []byte // of an inventory
	source  string // likewise
}

// envelope is the form of everything stored: a schema number, so that an older
// binary refuses what it cannot read, and the content.
type envelope struct {
	Schema  int             `json:"schema"`
	Content json.RawMessage `json:"content"`
}

// storedSchema is the newest form this binary reads and the one it writes.
const storedSchema = 1

// errTooLarge says that content does not fit into one object.
var errTooLarge = errors.New("too large for one object")

// pack compresses content. The same content gives the same bytes.
func pack(content any) ([]byte, error) { return packed(storedSchema, content) }

func packed(schema int, content any) ([]byte, error) {
	raw, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	writer, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(writer).Encode(envelope{Schema: schema, Content: raw}); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	if out.Len() > maxPacked {
		return nil, fmt.Errorf("%w: %d bytes compressed, %d fit", errTooLarge, out.Len(), maxPacked)
	}
	return out.Bytes(), nil
}

// unpack reads what pack wrote; gzip's checksum finds damage.
func unpack(packed []byte, into any) error {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(reader, maxUnpacked+1))
	if err != nil {
		return err
	}
	if len(raw) > maxUnpacked {
		return errTooLarge
	}
	var found envelope
	if err := json.Unmarshal(raw, &found); err != nil {
		return err
	}
	if found.Schema != storedSchema {
		return fmt.Errorf("%w: it has schema %d, and this binary reads %d", errNewer, found.Schema, storedSchema)
	}
	return json.Unmarshal(found.Content, into)
}

// configMap builds one of Killick's own ConfigMaps.
func (c *Client) configMap(name, key string, packed []byte) map[string]any {
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata": map[string]any{
			"name": name, "namespace": c.stateNamespace,
			"labels": map[string]any{managedByLabel: toolingName},
		},
		"binaryData": map[string]any{key: base64.StdEncoding.EncodeToString(packed)},
	}
}

// contentOf is what is stored under a key.
func contentOf(object map[string]any, field, key string) ([]byte, error) {
	encoded := text(object, field, key)
	if encoded == "" {
		return nil, fmt.Errorf("it has no %s %q", field, key)
	}
	return base64.StdEncoding.DecodeString(encoded)
}

// readOwn reads one of Killick's own objects; nil when it, or the whole state
// namespace, does not exist.
func (c *Client) readOwn(ctx context.Context, of resource, name string) (map[string]any, error) {
	object, err := c.own.get(ctx, of, c.stateNamespace, name)
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	return object, err
}

// writeOwn applies one of Killick's own ConfigMaps. With a version the write is
// refused with drift.ErrConflict if the object has another one by now. It
// returns the new version.
func (c *Client) writeOwn(ctx context.Context, manager, version string, object map[string]any) (string, error) {
	where, err := configMaps.object(c.stateNamespace, text(object, "metadata", "name"))
	if err != nil {
		return "", err
	}
	body, err := encode(withMeta(object, map[string]string{"resourceVersion": version}))
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	ctx, end := graceful(ctx)
	defer end()
	answer, err := c.own.send(ctx, request{verb: http.MethodPatch, path: where, query: applyQuery(manager, false),
		contentType: string(types.ApplyPatchType), body: body})
	if err == nil {
		var written map[string]any
		if written, err = (asked{configMaps, c.stateNamespace, text(object, "metadata", "name")}).read(answer); err == nil {
			return versionOf(written), nil
		}
	}
	if unknownOutcome(err) {
		return c.settleOwn(ctx, object, err)
	}
	return "", describe(err)
}

// settleOwn finds out whether a write of our own whose answer was lost
// happened: the stored content tells.
func (c *Client) settleOwn(ctx context.Context, object map[string]any, cause error) (string, error) {
	live, err := c.readOwn(ctx, configMaps, text(object, "metadata", "name"))
	if err != nil {
		return "", fmt.Errorf("the answer was lost (%w), and the object cannot be read: %w", describe(cause), err)
	}
	for key, value := range branch(object, "binaryData") {
		if live == nil || at(live, "binaryData", key) != value {
			return "", fmt.Errorf("%w: %w", errNotWritten, describe(cause))
		}
	}
	for key, value := range branch(object, "metadata", "annotations") {
		if at(live, "metadata", "annotations", key) != value {
			return "", fmt.Errorf("%w: %w", errNotWritten, describe(cause))
		}
	}
	return versionOf(live), nil
}

// remember, recall and forget keep what was last seen under a name, for
// optimistic writes.
func (c *Client) remember(name string, seen stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.versions[name] = seen
}

func (c *Client) recall(name string) (stored, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, ok := c.versions[name]
	return seen, ok
}

func (c *Client) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.versions, name)
}

// note keeps a fact for Notes.
func (c *Client) note(entry drift.ReportError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, entry)
}

// Notes are facts beside the answers given so far that a person should know and
// that stopped nothing, such as a lost cache. They are handed out once.
func (c *Client) Notes() []drift.ReportError {
	c.mu.Lock()
	defer c.mu.Unlock()
	notes := c.notes
	c.notes = nil
	return notes
}

// stateProblem is an error about Killick's own objects.
func stateProblem(doing string, err error) error {
	advice := hint(err)
	if forbidden(err) {
		advice = "grant Killick's identity its own objects in the state namespace (the chart's Role does)"
	}
	return &drift.Problem{Stage: "cluster", Hint: advice, Err: fmt.Errorf("%s: %w", doing, err)}
}

// EnsureStateNamespace makes the state namespace if it does not exist. An
// identity that may not look is taken to have been given one.
func (c *Client) EnsureStateNamespace(ctx context.Context) error {
	exists, err := c.StateNamespaceExists(ctx)
	if err != nil || exists {
		return err
	}
	body, err := encode(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": c.stateNamespace, "labels": map[string]any{managedByLabel: toolingName}}})
	if err != nil {
		return err
	}
	answer, err := c.own.send(ctx, request{verb: http.MethodPost, path: "/api/v1/namespaces",
		query: values("fieldManager", drift.ParentFieldManager), contentType: "application/json", body: body})
	if err == nil {
		_, err = asked{namespaceResource, "", c.stateNamespace}.read(answer)
	}
	if err = describe(err); err != nil && !errors.Is(err, drift.ErrConflict) {
		return stateProblem(fmt.Sprintf("creating the state namespace %q", c.stateNamespace), err)
	}
	return nil
}
