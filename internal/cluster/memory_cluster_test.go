package cluster

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killick-dev/killick/internal/drift"
)

func entries(e *env) []drift.Entry {
	return []drift.Entry{
		{ID: drift.ID{Kind: "Namespace", Name: e.ns}, Version: "v1"},
		{ID: drift.ID{Group: "apps", Kind: "Deployment", Namespace: e.ns, Name: "web"}, Version: "v1", UID: "u-1"},
		{ID: drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: "own"}, Version: "v1"},
	}
}

func TestInventoryRoundTrip(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	inventory, _, err := client.Load(e.ctx, "shop")
	if err != nil || inventory.Known || inventory.Entries != nil {
		t.Fatalf("no parent yet: %+v, %v", inventory, err)
	}
	installation, err := client.Installation(e.ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := drift.Inventory{Known: true, Entries: entries(e), Source: "https://git.example.com/x main apps/shop", Installation: installation}
	if err := client.SaveInventory(e.ctx, "shop", want); err != nil {
		t.Fatal(err)
	}
	other := e.connect(Options{})
	got, _, err := other.Load(e.ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(want.Entries, func(a, b drift.Entry) int { return a.ID.Compare(b.ID) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}

	parent := e.live(drift.Object{ID: drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: "killick-app-shop"}, Version: "v1"})
	annotations := stringMap(parent, "metadata", "annotations")
	wantAnnotations := map[string]string{
		"applyset.kubernetes.io/tooling":               "killick/v1",
		"applyset.kubernetes.io/contains-group-kinds":  "ConfigMap,Deployment.apps,Namespace",
		"applyset.kubernetes.io/additional-namespaces": e.ns,
		"killick.dev/installation":                     installation,
		"killick.dev/source":                           want.Source,
	}
	if diff := cmp.Diff(wantAnnotations, annotations); diff != "" {
		t.Error("annotations (-want +got):\n" + diff)
	}
	if id := text(parent, "metadata", "labels", "applyset.kubernetes.io/id"); id != client.PartOf("shop") {
		t.Errorf("id %q", id)
	}
	if manager := text(list(parent, "metadata", "managedFields")[0].(map[string]any), "manager"); manager != "killick-applyset" {
		t.Errorf("manager %q", manager)
	}

	before := lines.count("PATCH", "")
	if err := client.SaveInventory(e.ctx, "shop", want); err != nil || lines.count("PATCH", "") != before {
		t.Errorf("an unchanged inventory is not written: %v", err)
	}
	want.Entries = want.Entries[:1]
	if err := client.SaveInventory(e.ctx, "shop", want); err != nil {
		t.Errorf("a second write follows the first: %v", err)
	}
	if err := other.SaveInventory(e.ctx, "shop", drift.Inventory{Entries: entries(e)[:2]}); !errors.Is(err, drift.ErrConflict) {
		t.Errorf("written by somebody else since it was loaded: %v", err)
	}
	apps, err := client.Parents(e.ctx)
	if diff := cmp.Diff([]string{"shop"}, apps); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestInventoryThatAppearedMeanwhile(t *testing.T) {
	e := newEnv(t)
	first, second := e.connect(Options{}), e.connect(Options{})
	for _, client := range []*Client{first, second} {
		if _, _, err := client.Load(e.ctx, "shop"); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.SaveInventory(e.ctx, "shop", drift.Inventory{}); err != nil {
		t.Fatal(err)
	}
	if err := second.SaveInventory(e.ctx, "shop", drift.Inventory{}); !errors.Is(err, drift.ErrConflict) {
		t.Errorf("two runs make the same parent: %v", err)
	}
	if err := e.connect(Options{}).SaveInventory(e.ctx, "shop", drift.Inventory{}); err == nil {
		t.Error("an inventory that was not loaded must not be written")
	}
	if err := first.SaveInventory(e.ctx, "shop", drift.Inventory{Installation: "other/killick"}); err == nil {
		t.Error("an inventory of another installation must not be written")
	}
}

func TestOversizeInventoryFailsBeforeAnyWrite(t *testing.T) {
	e := newEnv(t)
	lines := &wire{}
	client := e.connect(Options{Transport: lines.wrap})
	if _, _, err := client.Load(e.ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 64)
	big := drift.Inventory{}
	for range 20000 {
		if _, err := rand.Read(random); err != nil {
			t.Fatal(err)
		}
		big.Entries = append(big.Entries, drift.Entry{ID: drift.ID{Kind: "ConfigMap", Name: hex.EncodeToString(random)}})
	}
	problem := &drift.Problem{}
	if err := client.SaveInventory(e.ctx, "shop", big); !errors.As(err, &problem) || problem.Hint == "" {
		t.Errorf("got %v", err)
	}
	if n := lines.count("PATCH", ""); n != 0 {
		t.Errorf("%d writes", n)
	}
	// The state is a cache: it loses its memo and is written.
	state := drift.AppState{Rows: map[string]drift.Row{}, Notified: map[string]string{"default": "f"}}
	for _, entry := range big.Entries {
		state.Rows[entry.ID.String()] = drift.Row{UID: entry.ID.Name}
	}
	if err := client.SaveState(e.ctx, "shop", state); err != nil {
		t.Fatal(err)
	}
	_, got, err := client.Load(e.ctx, "shop")
	if diff := cmp.Diff(drift.AppState{Notified: map[string]string{"default": "f"}}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if notes := client.Notes(); len(notes) != 1 || notes[0].App != "shop" {
		t.Errorf("notes %v", notes)
	}
}

func TestInventoryThatCannotBeTrusted(t *testing.T) {
	e := newEnv(t)
	newer, err := packed(storedSchema+1, []drift.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	const restore, upgrade = "restore the ConfigMap from a backup; or delete the ConfigMap: the next run finds", "run the Killick that wrote it, or a newer one"
	for i, c := range []struct{ why, change, says, hint string }{
		{"damaged", `{binaryData: {inventory.json.gz: "H4sIAAAA"}}`, "damaged", restore},
		{"a newer binary's", `{binaryData: {inventory.json.gz: "` + base64.StdEncoding.EncodeToString(newer) + `"}}`, "a newer Killick wrote it: it has schema 2", upgrade},
		{"emptied", `{binaryData: null}`, "damaged", restore},
		{"another tool's", `{metadata: {annotations: {applyset.kubernetes.io/tooling: kubectl/v1.27}}}`, "kubectl", "give the app another name"},
		{"a tool whose name begins like ours", `{metadata: {annotations: {applyset.kubernetes.io/tooling: killick/extra/v1}}}`, "killick/extra", "give the app another name"},
		{"nobody's", `{metadata: {annotations: {applyset.kubernetes.io/tooling: null}}}`, "tooling", `set it to "killick/v1" again; or delete the ConfigMap`},
		{"another cluster's", `{metadata: {annotations: {killick.dev/installation: other/killick}}}`, "other/killick", "delete it; the next run finds"},
		{"a copied id", `{metadata: {labels: {applyset.kubernetes.io/id: applyset-x-v1}}}`, "applyset-x-v1", "or delete the ConfigMap: the next run finds"},
	} {
		app := fmt.Sprintf("app-%d", i)
		client := e.connect(Options{})
		if _, _, err := client.Load(e.ctx, app); err != nil {
			t.Fatal(err)
		}
		if err := client.SaveInventory(e.ctx, app, drift.Inventory{Entries: entries(e)}); err != nil {
			t.Fatal(err)
		}
		e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: "killick-app-" + app}, "v1", "kubectl-edit", c.change)
		inventory, _, err := client.Load(e.ctx, app)
		if err == nil || !strings.Contains(err.Error(), c.says) || inventory.Known {
			t.Errorf("%s: %+v, %v", c.why, inventory, err)
		}
		if hint := drift.ReportOf(app, "prepare", err).Hint; !strings.Contains(hint, c.hint) {
			t.Errorf("%s: the hint is %q", c.why, hint)
		}
		if err := client.SaveInventory(e.ctx, app, drift.Inventory{}); err == nil {
			t.Errorf("%s: it was overwritten", c.why)
		}
	}
}

func hexOf(s string) string { return hex.EncodeToString([]byte(s))[:8] }

func TestStateIsOnlyACache(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	want := drift.AppState{Rows: map[string]drift.Row{"ConfigMap a/b": {UID: "u", DesiredHash: "h"}},
		LastApplied: drift.AppliedRevision{Commit: "c"},
		Incidents:   map[string]drift.Incident{"x": {FirstSeen: time.Unix(1, 0).UTC()}}}
	if err := client.SaveState(e.ctx, "shop", want); err != nil {
		t.Fatal(err)
	}
	_, got, err := client.Load(e.ctx, "shop")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	run := drift.RunState{Notify: []byte("{}"), Errors: map[string]time.Time{"f": time.Unix(2, 0).UTC()}}
	if err := client.SaveRun(e.ctx, run); err != nil {
		t.Fatal(err)
	}
	if got, err := client.LoadRun(e.ctx); err != nil || cmp.Diff(run, got) != "" {
		t.Error(err, cmp.Diff(run, got))
	}
	for _, name := range []string{"killick-state-shop", "killick-run"} {
		e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: name}, "v1", "kubectl-edit", `{binaryData: {state.json.gz: "AAAA"}}`)
	}
	if _, got, err = client.Load(e.ctx, "shop"); err != nil || cmp.Diff(drift.AppState{}, got) != "" {
		t.Errorf("a damaged state counts as lost: %v, %+v", err, got)
	}
	if got, err := client.LoadRun(e.ctx); err != nil || cmp.Diff(drift.RunState{}, got) != "" {
		t.Errorf("a damaged run state counts as lost: %v, %+v", err, got)
	}
	for _, note := range twoNotes(t, client) {
		if !strings.Contains(note.Message, "counts as lost: ") || note.Hint != "nothing to do: this run compares afresh and writes it anew" {
			t.Errorf("of a damaged state: %q, hint %q", note.Message, note.Hint)
		}
	}
	if notes := client.Notes(); len(notes) != 0 {
		t.Errorf("notes are handed out once: %v", notes)
	}
	newer, err := packed(storedSchema+1, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"killick-state-shop", "killick-run"} {
		e.patch(drift.ID{Kind: "ConfigMap", Namespace: e.state, Name: name}, "v1", "kubectl-edit",
			`{binaryData: {state.json.gz: "`+base64.StdEncoding.EncodeToString(newer)+`"}}`)
	}
	if _, got, err = client.Load(e.ctx, "shop"); err != nil || cmp.Diff(drift.AppState{}, got) != "" {
		t.Errorf("a newer state counts as lost: %v, %+v", err, got)
	}
	if got, err := client.LoadRun(e.ctx); err != nil || cmp.Diff(drift.RunState{}, got) != "" {
		t.Errorf("a newer run state counts as lost: %v, %+v", err, got)
	}
	for _, note := range twoNotes(t, client) {
		if !strings.Contains(note.Message, "a newer Killick wrote it: it has schema 2, and this binary reads 1") ||
			!strings.HasPrefix(note.Hint, "run the Killick that wrote it, or a newer one; ") {
			t.Errorf("of a newer state: %q, hint %q", note.Message, note.Hint)
		}
	}
	// And it is written anew, although its content is what was last written.
	if err := client.SaveState(e.ctx, "shop", want); err != nil {
		t.Fatal(err)
	}
	if _, got, err = e.connect(Options{}).Load(e.ctx, "shop"); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("written anew: %v %s", err, cmp.Diff(want, got))
	}
}

// twoNotes are what the app's state and the last run's gave to say.
func twoNotes(t *testing.T, client *Client) []drift.ReportError {
	t.Helper()
	notes := client.Notes()
	if len(notes) != 2 {
		t.Errorf("notes %v", notes)
	}
	return notes
}

func TestWithoutStateNamespace(t *testing.T) {
	e := newEnv(t)
	e.state = e.ns + "-none"
	client := e.connect(Options{})
	inventory, state, err := client.Load(e.ctx, "shop")
	if err != nil || inventory.Known || state.Rows != nil {
		t.Errorf("plan needs no state namespace: %+v, %v", inventory, err)
	}
	if key, err := client.Key(e.ctx, false); err != nil || key != nil {
		t.Errorf("nor a key: %v, %v", key, err)
	}
	if apps, err := client.Parents(e.ctx); err != nil || apps != nil {
		t.Errorf("nor parents: %v, %v", apps, err)
	}
	for range 2 {
		if err := client.EnsureStateNamespace(e.ctx); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { e.remove(drift.ID{Kind: "Namespace", Name: e.state}, "v1") })
	if err := client.SaveInventory(e.ctx, "shop", drift.Inventory{}); err != nil {
		t.Errorf("a run makes it: %v", err)
	}
}

// Who may not read its own state must not take it for an empty one.
func TestForbiddenStateIsAnError(t *testing.T) {
	e := newEnv(t)
	user := "blind-" + e.ns
	e.allow(user, "", `[{apiGroups: [""], resources: [namespaces], verbs: [get]}]`)
	client := e.connectAs(user, Options{})
	if inventory, _, err := client.Load(e.ctx, "shop"); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("%+v, %v", inventory, err)
	}
	if _, err := client.Key(e.ctx, true); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("key: %v", err)
	}
	if _, err := client.LoadRun(e.ctx); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("run: %v", err)
	}
	if _, err := client.Parents(e.ctx); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("parents: %v", err)
	}
}

func TestKey(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	if key, err := client.Key(e.ctx, false); err != nil || key != nil {
		t.Fatalf("none yet: %v, %v", key, err)
	}
	key, err := client.Key(e.ctx, true)
	if err != nil || len(key) != 32 {
		t.Fatalf("%d bytes, %v", len(key), err)
	}
	again, err := e.connect(Options{}).Key(e.ctx, true)
	if err != nil || cmp.Diff(key, again) != "" {
		t.Errorf("the next run has the same key: %v", err)
	}

	// Another run makes the key between our look and our create.
	e.remove(drift.ID{Kind: "Secret", Namespace: e.state, Name: "killick-key"}, "v1")
	var theirs []byte
	lines := &wire{}
	racing := e.connect(Options{Transport: lines.wrap})
	lines.before = func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost && theirs == nil {
			if theirs, err = client.Key(e.ctx, true); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	ours, err := racing.Key(e.ctx, true)
	if err != nil || theirs == nil || cmp.Diff(theirs, ours) != "" {
		t.Errorf("both runs use the one key: %v", err)
	}

	e.remove(drift.ID{Kind: "Secret", Namespace: e.state, Name: "killick-key"}, "v1")
	e.send(http.MethodPost, "/api/v1/namespaces/"+e.state+"/secrets", "kubectl-create", "application/json",
		tree(t, `{apiVersion: v1, kind: Secret, metadata: {name: killick-key}, data: {key: c2hvcnQ=}}`))
	damaged, err := client.Key(e.ctx, true)
	if err == nil {
		t.Errorf("a damaged key was taken for %d bytes", len(damaged))
	}
	if hint := drift.ReportOf("", "cluster", err).Hint; !strings.HasPrefix(hint, "restore the Secret from a backup; or delete it") {
		t.Errorf("of a damaged key, the hint is %q", hint)
	}
}
