package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/testenv/bench/peer"
)

func TestWorkloadIsValid(t *testing.T) {
	quirkyThird := sized(200)
	quirkyThird.quirkyThird = true
	for _, c := range []struct {
		name  string
		of    spec
		kinds int
	}{
		{"the base workload has ten kinds and namespaces", sized(500), 11},
		{"fewer objects than one app's", sized(20), 11},
		{"quirky ones bring Secrets and StatefulSets", quirkyThird, 13},
		{"large CRDs are among the objects", spec{objects: 200, apps: 4, crds: 2}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries := must(workload("x", c.of))(t)
			ids, kinds, apps, namespaces := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
			for _, e := range entries {
				if ids[e.id()] {
					t.Errorf("%s is there twice", e.id())
				}
				ids[e.id()], kinds[e.object.GetKind()], apps[e.app] = true, true, true
				if e.object.GetKind() == "Namespace" {
					namespaces[e.object.GetName()] = true
				}
				if of := e.object.GetNamespace(); of != "" && !namespaces[of] {
					t.Errorf("%s stands before its namespace", e.id())
				}
				if e.object.GetKind() == "CustomResourceDefinition" {
					if !strings.Contains(e.object.GetName(), ".x.") {
						t.Errorf("%s would be shared by all sets", e.id())
					}
				} else if !strings.HasPrefix(e.object.GetName(), "x-") {
					t.Errorf("%s would be shared by all sets", e.id())
				}
				if strings.Contains(e.id(), "@") || len(e.object.GetName()) > 63 {
					t.Errorf("the name in %s is not a DNS label", e.id())
				}
			}
			if len(entries) != c.of.objects || len(kinds) != c.kinds || len(apps) != c.of.apps {
				t.Errorf("%d objects of %d kinds in %d apps, want %d of %d in %d", len(entries), len(kinds), len(apps), c.of.objects, c.kinds, c.of.apps)
			}
			files := must(repository(entries))(t)
			if len(files) != c.of.apps+2 {
				t.Errorf("%d files, want one per app, the config and the policy", len(files))
			}
			var config struct{ Apps []struct{ Name, Path string } }
			if err := yaml.Unmarshal([]byte(files["killick.yaml"]), &config); err != nil || len(config.Apps) != c.of.apps {
				t.Errorf("the config names %d apps: %v", len(config.Apps), err)
			}
		})
	}
}

func TestWorkloadIsAsLargeAsRealOnes(t *testing.T) {
	total := 0
	entries := must(workload("x", sized(500)))(t)
	for _, e := range entries {
		total += len(must(json.Marshal(e.object.Object))(t))
	}
	if mean := total / len(entries); mean < 1100 || mean > 1500 {
		t.Errorf("an object is %d bytes of JSON in the mean, want about 1,300", mean)
	}
	if size := len(largeCRD("x", 0)); size < 150_000 || size > 300_000 {
		t.Errorf("a large CRD is %d bytes", size)
	}
}

func TestObjectFilesAreReadBack(t *testing.T) {
	entries := must(workload("x", sized(30)))(t)
	path := filepath.Join(t.TempDir(), "objects")
	if err := writeEntries(path, entries); err != nil {
		t.Fatal(err)
	}
	read := must(peer.Options{Objects: path}.Read())(t)
	if len(read) != len(entries) {
		t.Fatalf("%d lines for %d objects", len(read), len(entries))
	}
	for i, one := range read {
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(one.Object); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(entries[i].object.Object, object.Object); diff != "" || one.App != entries[i].app {
			t.Errorf("line %d of app %q differs:\n%s", i, one.App, diff)
		}
	}
}

// The bare LISTs are a baseline: the objects themselves must not be read for them.
func TestListsGetKindsOnly(t *testing.T) {
	of := sized(300)
	of.crds = 1
	entries := must(workload("x", of))(t)
	kinds := kindsOf(entries)
	seen := map[string]bool{}
	for _, e := range kinds {
		kind := e.object.GroupVersionKind().String()
		if seen[kind] || len(e.object.Object) != 2 {
			t.Errorf("%s is there twice, or with more than its kind: %v", kind, e.object.Object)
		}
		seen[kind] = true
	}
	for _, e := range entries {
		if !seen[e.object.GroupVersionKind().String()] {
			t.Errorf("the kind of %s is missing", e.id())
		}
	}
	s := &stage{bin: "/bin", kubeconfig: "k", sets: map[string]*set{setKillick: {entries: entries, objects: "all", kinds: "kinds"}}}
	if got, want := strings.Join(lists().command(s), " "), "/bin/plain -kubeconfig k -objects kinds -count 300 -op=list -concurrency=4"; got != want {
		t.Errorf("called as %s, want %s", got, want)
	}
}

func TestPlannedEdits(t *testing.T) {
	a, b := must(workload("a", sized(1000)))(t), must(workload("b", sized(1000)))(t)
	many, few := plannedEdits(a, 100), plannedEdits(a, 10)
	if len(many) != 100 || len(few) != 10 {
		t.Fatalf("%d and %d edits, want 100 and 10", len(many), len(few))
	}
	seen := map[string]bool{}
	other := plannedEdits(b, 100)
	for i, e := range many {
		if seen[e.entry.id()] {
			t.Errorf("%s is edited twice", e.entry.id())
		}
		seen[e.entry.id()] = true
		if i < len(few) && few[i].entry.id() != e.entry.id() {
			t.Errorf("edit %d of the shorter plan is of another object", i)
		}
		if strings.ReplaceAll(other[i].entry.id(), "b-", "a-") != e.entry.id() || other[i].way.name != e.way.name {
			t.Errorf("edit %d differs between sets: %s and %s", i, e.entry.id(), other[i].entry.id())
		}
		if e.way.edit == nil {
			continue
		}
		before := content(e.entry.object)
		edited := e.entry.object.DeepCopy()
		if err := e.way.edit(edited); err != nil {
			t.Errorf("%s: %v", e.way.name, err)
		}
		if cmp.Equal(before, content(edited)) {
			t.Errorf("%s changes nothing", e.way.name)
		}
	}
	if got := len(plannedEdits(a, 5000)); got >= 1000 {
		t.Errorf("%d edits of 1,000 objects: some kinds have no edit", got)
	}
}

func TestJudge(t *testing.T) {
	edits := plannedEdits(must(workload("a", sized(1000)))(t), 3)
	ids := []string{edits[0].entry.id(), edits[1].entry.id(), edits[2].entry.id()}
	v := judge(edits, []string{ids[0], "/ConfigMap/x/nobody-edited"}, map[string]string{ids[1]: "refused", "/Secret/x/y": "refused"})
	clean, drift := v.cells()
	if clean != "1 of 3 (1 error)" || drift != "1 (1 error)" {
		t.Errorf("false clean %q, false drift %q", clean, drift)
	}
	if v.seen[edits[0].way.name] != 1 || v.refused[edits[1].way.name] != 1 || v.seen[edits[2].way.name] != 0 {
		t.Errorf("seen %v, refused %v, want the first edit seen and the second refused", v.seen, v.refused)
	}
}

func TestReadRequests(t *testing.T) {
	const before = `# HELP apiserver_request_total [STABLE] Counter of apiserver requests
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="",verb="GET",version="v1"} 10
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="",scope="",subresource="/metrics",verb="GET",version=""} 4
other_total{verb="GET"} 1e+06
`
	const after = before + `apiserver_request_total{code="200",component="apiserver",dry_run="All",group="apps",resource="deployments",scope="resource",subresource="",verb="APPLY",version="v1"} 5000
apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="",verb="APPLY",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="PATCH",version="v1"} 2
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="secrets",scope="cluster",subresource="",verb="LIST",version="v1"} 1
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="secrets",scope="cluster",subresource="",verb="WATCH",version="v1"} 7
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 9
`
	first, second := must(readRequests(strings.NewReader(before)))(t), must(readRequests(strings.NewReader(after)))(t)
	got := second.minus(first)
	if diff := cmp.Diff(requests{"dry-run": 5000, "PATCH": 5, "LIST": 1}, got); diff != "" {
		t.Error(diff)
	}
	if got.String() != "1 LIST, 5000 dry-run, 5 PATCH" {
		t.Errorf("written as %q", got)
	}
	if _, err := readRequests(strings.NewReader("apiserver_request_total{verb=\"GET\"} many\n")); err == nil {
		t.Error("a value that is no number is read")
	}
}

func TestCPUOf(t *testing.T) {
	if spent := must(cpuOf(os.Getpid()))(t); spent <= 0 {
		t.Errorf("this process spent %s", spent)
	}
	if _, err := cpuOf(1 << 30); err == nil {
		t.Error("a process that is not there has spent time")
	}
}

func TestRelay(t *testing.T) {
	echo := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	r := must(startRelay(echo.Addr().String()))(t)
	defer func() { _ = r.close() }()
	message := bytes.Repeat([]byte("drift"), 100_000)
	for i, rtt := range []time.Duration{0, 20 * time.Millisecond} {
		r.setRTT(rtt)
		began := time.Now()
		c := must(net.Dial("tcp", r.address()))(t).(*net.TCPConn)
		go func() {
			_, _ = c.Write(message)
			_ = c.CloseWrite()
		}()
		got := must(io.ReadAll(c))(t)
		if !bytes.Equal(got, message) {
			t.Errorf("round trip of %s: %d bytes came back of %d, or others", rtt, len(got), len(message))
		}
		if took := time.Since(began); took < rtt {
			t.Errorf("a round trip of %s took %s", rtt, took)
		}
		if up, down, want := r.up.Load(), r.down.Load(), int64((i+1)*len(message)); up != want || down != want {
			t.Errorf("counted %d up and %d down, want %d", up, down, want)
		}
	}
}

func TestSpread(t *testing.T) {
	lowest, median, highest := spread([]sample{{wall: 3}, {wall: 1}, {wall: 2}}, func(s sample) time.Duration { return s.wall })
	if lowest != 1 || median != 2 || highest != 3 {
		t.Errorf("%d %d %d", lowest, median, highest)
	}
}

// invented are results in which every target of the base workload is met but the
// one for memory.
func invented() results {
	sampled := func(wall, server time.Duration, sent requests) []sample {
		return []sample{{wall: wall, cpu: wall / 2, rss: 130e6, serverCPU: server, requests: sent, bytes: 12e6}}
	}
	return results{
		conditions: []string{"a machine"},
		sections: []section{{scenario{axis: "base", title: "5,000 <objects>"}, []row{
			{tool: "killick run, first (creates everything)", samples: sampled(time.Minute, time.Minute, requests{"PATCH": 5000})},
			{tool: nameIdle, objects: 5000, samples: sampled(500*time.Millisecond, 100*time.Millisecond, requests{"LIST": 14})},
			{tool: nameLists, samples: sampled(400*time.Millisecond, 90*time.Millisecond, requests{"LIST": 14})},
			{tool: nameFlux4, samples: sampled(12*time.Second, 15*time.Second, requests{"GET": 5000, "dry-run": 5000})},
			{part: "10 % drifted", tool: "killick plan", samples: sampled(time.Second, time.Second, requests{}), verdict: &verdict{
				known: 20, falseClean: 1, seen: map[string]int{"label added": 4}, of: map[string]int{"label added": 5, "value changed": 15}}},
		}}},
	}
}

func TestMarkdown(t *testing.T) {
	text := markdown(invented())
	for _, want := range []string{
		"| wall, against fluxcd/pkg/ssa at concurrency 4 | ≥ 10× | 24.0× | met |",
		"| API server CPU, against the same | ≥ 50× | 150.0× | met |",
		"| no PATCH when nothing changed, idle skip | 0 | 0 real, 0 dry-run | met |",
		"| peak RSS, idle skip | ≤ 120 MB | 130 MB | missed |",
		"| **killick run**, idle skip | 0.500 | 0.500–0.500 (1×) | 0.250 | 130 | 0.100 | 14 LIST | 12.0 |",
		"### 5,000 <objects>, 10 % drifted",
		"| 1 of 20 | 0 |",
		"4 of 5",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the tables lack %q:\n%s", want, text)
		}
	}
	columns := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		if n := strings.Count(line, "|"); columns == 0 {
			columns = n
		} else if n != columns {
			t.Errorf("%d columns where the table has %d: %s", n, columns, line)
		}
	}
}

// steady is a row of one round for TestTargets.
func steady(tool string, objects int, wall time.Duration, rss int64, sent requests, own int) row {
	return row{tool: tool, objects: objects, samples: []sample{{wall: wall, rss: rss * megabyte, serverCPU: wall / 4, requests: sent, own: own}}}
}

func TestTargets(t *testing.T) {
	const s = time.Second
	none := requests{"LIST": 20}
	base := func(more ...row) section {
		return section{scenario{axis: "base"}, append([]row{steady(nameIdle, 5000, s, 82, none, 0)}, more...)}
	}
	size := func(rows ...row) section { return section{scenario{axis: "objects"}, rows} }
	for _, c := range []struct {
		name     string
		sections []section
		want     []string
	}{
		{"the full run's memory is told beside the idle one's", []section{base(steady(nameMemo, 5000, s, 121, none, 0), steady(nameAudit, 5000, s, 119, requests{"dry-run": 103}, 1))}, []string{
			"| peak RSS, idle skip | ≤ 120 MB | 82 MB | met |",
			"| peak RSS, full run by the memo | ≤ 120 MB | 121 MB | missed |",
			"| peak RSS, full run with the audit | ≤ 120 MB | 119 MB | met |",
		}},
		{"a write to the own state is told as that", []section{base(steady(nameMemo, 5000, s, 90, requests{"PATCH": 1}, 1))}, []string{
			"| no real write outside our own state, full run by the memo | 0 | 1 real (1 to its own state), 0 dry-run | met |",
		}},
		{"a write beside it is missed", []section{base(steady(nameMemo, 5000, s, 90, requests{"PATCH": 1, "PUT": 1}, 1))}, []string{
			"| no real write outside our own state, full run by the memo | 0 | 2 real (1 to its own state), 0 dry-run | missed |",
		}},
		{"one that wrote to nothing of its own", []section{base(steady(nameMemo, 5000, s, 90, requests{"PATCH": 1}, 0))}, []string{
			"| no real write outside our own state, full run by the memo | 0 | 1 real, 0 dry-run | missed |",
		}},
		{"any write counts for the idle run", []section{{scenario{axis: "base"}, []row{steady(nameIdle, 5000, s, 82, requests{"POST": 1}, 1)}}}, []string{
			"| no PATCH when nothing changed, idle skip | 0 | 1 real, 0 dry-run | missed |",
		}},
		{"one sample", []section{base(steady(nameAudit, 5000, s, 100, requests{"dry-run": 103}, 1))}, []string{
			"| dry-runs of a full run with the audit: one sample | about 104 | 103 | met |",
		}},
		{"two samples", []section{base(steady(nameAudit, 5000, s, 100, requests{"dry-run": 240}, 1))}, []string{
			"| dry-runs of a full run with the audit: one sample | about 104 | 240 | missed |",
		}},
		{"no sample at all", []section{base(steady(nameAudit, 5000, s, 100, none, 1))}, []string{
			"| dry-runs of a full run with the audit: one sample | about 104 | 0 | missed |",
		}},
		{"growth is from the base workload", []section{base(), size(steady(nameIdle, 1000, s/10, 50, none, 0)), size(steady(nameMemo, 20000, 9*s, 301, none, 0), steady(nameIdle, 20000, 4*s, 147, none, 0))}, []string{
			"| peak RSS at 20,000 objects, idle skip | ≤ 300 MB | 147 MB | met |",
			"| peak RSS at 20,000 objects, full run by the memo | ≤ 300 MB | 301 MB | missed |",
			"| growth from 5,000 to 20,000 objects, idle skip | linear (×4.0) | wall ×4.0, API server CPU ×4.0 | met |",
		}},
		{"or within the axis alone", []section{size(steady(nameIdle, 100, s/10, 50, none, 0)), size(steady(nameIdle, 1000, s, 50, none, 0)), size(steady(nameIdle, 20000, 26*s, 147, none, 0))}, []string{
			"| peak RSS at 20,000 objects, idle skip | ≤ 300 MB | 147 MB | met |",
			"| growth from 1,000 to 20,000 objects, idle skip | linear (×20.0) | wall ×26.0, API server CPU ×26.0 | missed |",
		}},
		{"the start axis needs no base", []section{{scenario{axis: "start"}, []row{steady(nameStart, 0, s/20, 40, nil, 0),
			steady(nameIdle, 1000, s/5, 60, none, 0), steady(nameMemo, 1000, 5*s, 201, none, 0), steady(nameLoop, 1000, 4*s, 40, none, 0)}}}, []string{
			"| cold start | ≤ 60 ms | 50 ms | met |",
			"| 1,000 objects in 10 apps: idle skip ÷ GET + dry-run loop, wall | ≤ 1.0 | 0.05 | met |",
			"| 1,000 objects in 10 apps: peak RSS, idle skip | ≤ 200 MB | 60 MB | met |",
			"| 1,000 objects in 10 apps: full run by the memo ÷ GET + dry-run loop, wall | ≤ 1.0 | 1.25 | missed |",
			"| 1,000 objects in 10 apps: peak RSS, full run by the memo | ≤ 200 MB | 201 MB | missed |",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := targetTable(results{sections: c.sections})
			for _, want := range c.want {
				if !strings.Contains(text, want+"\n") {
					t.Errorf("the targets lack %q:%s", want, text)
				}
			}
		})
	}
}

// A promise to write nothing has to hold for each round, not for the median.
func TestWorstRound(t *testing.T) {
	r := row{samples: []sample{{requests: requests{"PATCH": 1}, own: 1}, {requests: requests{"PATCH": 1}}, {requests: requests{"PATCH": 1}, own: 1}}}
	if got := r.worst(); got.otherWrites() != 1 {
		t.Errorf("the worst round wrote %d times elsewhere, want once", got.otherWrites())
	}
	before, after := map[string]string{"same": "1", "moved": "2", "gone": "3"}, map[string]string{"same": "1", "moved": "4", "new": "5"}
	if got := written(before, after); got != 3 {
		t.Errorf("%d objects were written, want 3", got)
	}
}

// A full run is measured where the targets compare it.
func TestFullRunIsAmongTheTools(t *testing.T) {
	b := bench{objects: 5000, axes: []string{"start", "base", "objects"}}
	for _, of := range b.scenarios() {
		var names []string
		for _, one := range of.tools(&stage{trust: trust{run: true}}) {
			names = append(names, one.name)
		}
		if !slices.Contains(names, nameMemo) || !slices.Contains(names, nameIdle) {
			t.Errorf("%s measures %q", of.title, names)
		}
		for _, one := range of.tools(&stage{}) {
			if slices.Contains(one.args, trustFlag+"=memo") {
				t.Errorf("%s measures %q with a killick that has no %s", of.title, one.name, trustFlag)
			}
		}
	}
}

func TestDocs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "performance.md")
	if err := os.WriteFile(path, []byte("before\n"+begin+"\nold\n"+stop+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // writing again replaces what was written
		if err := writeDocs(dir, invented()); err != nil {
			t.Fatal(err)
		}
	}
	page := string(must(os.ReadFile(path))(t))
	if !strings.HasPrefix(page, "before\n"+begin) || !strings.HasSuffix(page, stop+"\nafter\n") || strings.Contains(page, "old") {
		t.Errorf("the page is %s", page)
	}
	if strings.Count(page, "a machine") != 1 {
		t.Error("the tables are there twice")
	}
	if _, err := between("no markers", ""); err == nil {
		t.Error("a page without markers is written")
	}
}

func TestPlotIsWellFormed(t *testing.T) {
	decoder := xml.NewDecoder(strings.NewReader(plot(invented())))
	counts := map[string]int{}
	var texts []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			counts[token.Name.Local]++
		case xml.CharData:
			texts = append(texts, string(token))
		}
	}
	if counts["svg"] != 1 || counts["rect"] != 6 {
		t.Errorf("elements %v, want a bar for each of three tools in two panels", counts)
	}
	if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "5,000 <objects>") }) {
		t.Error("no title")
	}
	if plot(results{}) != "" {
		t.Error("a plot of nothing")
	}
}

func TestScenarios(t *testing.T) {
	for _, c := range []struct {
		axes string
		want []string
	}{
		{"base", []string{"base"}},
		{"drift", []string{"base"}},
		{"objects", []string{"objects", "objects", "objects"}},
		{"start,quirky", []string{"start", "quirky"}},
	} {
		b := bench{objects: 5000, axes: strings.Split(c.axes, ",")}
		var got []string
		for _, s := range b.scenarios() {
			got = append(got, s.axis)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("-axis %s plays %v, want %v", c.axes, got, c.want)
		}
	}
}

// TestRunOneSlot plays the audit's runs on a clock of its own.
func TestRunOneSlot(t *testing.T) {
	midnight := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		last  time.Duration   // when the run before began
		took  time.Duration   // and how long it took
		delay []time.Duration // of each run, while the API server settles
		runs  int
		found bool
	}{
		{"in the middle of a slot", 2 * time.Minute, 3 * time.Second, []time.Duration{0}, 1, true},
		{"the run before ends in the next slot", 299 * time.Second, 3 * time.Second, []time.Duration{0}, 1, true},
		{"the run before takes more than a slot", 299 * time.Second, 7 * time.Minute, []time.Duration{0, 0}, 2, true},
		{"the measured run begins late", time.Minute, 3 * time.Second, []time.Duration{6 * time.Minute, 0}, 2, true},
		{"it always begins late", time.Minute, 3 * time.Second, []time.Duration{6 * time.Minute, 6 * time.Minute, 6 * time.Minute}, 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := midnight.Add(c.last)
			now, previous, runs := last.Add(c.took), last, 0
			wait := func(until time.Time) error {
				if until.After(now) {
					now = until
				}
				return nil
			}
			var due int64
			run := func() (time.Time, error) {
				now = now.Add(c.delay[runs])
				runs++
				due = slotsDue(previous, now)
				previous = now
				return now, nil
			}
			found := must(runOneSlot(last, wait, run))(t)
			if found != c.found || runs != c.runs || found != (due == 1) {
				t.Errorf("found %t after %d runs, the last of %d slots; want %t after %d", found, runs, due, c.found, c.runs)
			}
		})
	}
	if _, err := runOneSlot(midnight, func(time.Time) error { return errors.New("interrupted") }, nil); err == nil {
		t.Error("an interrupted wait is no error")
	}
}

// The slots are Killick's own: an object is due once in all of them.
func TestSlotsAreKillicks(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 59, 0, time.UTC)
	for _, after := range []time.Duration{0, time.Second, 5 * time.Minute, 12 * time.Minute} {
		audit, count := drift.AuditSince(at, at.Add(after)), 0
		for i := range 48_000 {
			if audit.Due(fmt.Sprint(i)) {
				count++
			}
		}
		per := 48_000 / auditShare
		if slots := int((count + per/2) / per); int64(slots) != slotsDue(at, at.Add(after)) {
			t.Errorf("after %s, Killick asks about %d slots, want %d", after, slots, slotsDue(at, at.Add(after)))
		}
	}
	if due := slotsDue(at, slotAfter(at)); due != 1 {
		t.Errorf("after the wait, %d slots are due", due)
	}
}

func TestPeersThatAreNotThere(t *testing.T) {
	const leftOut = "gitops-engine could not be built: left out"
	for _, c := range []struct {
		name  string
		built bool
		peers []string
		argo  bool
		said  bool
	}{
		{"built", true, []string{"killick", "argo"}, true, false},
		{"not built", false, []string{"killick", "argo"}, false, true},
		{"not built and not asked for", false, []string{"killick"}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bench{bin: t.TempDir(), killick: "/nonexistent", peers: c.peers}
			if c.built {
				if err := os.WriteFile(filepath.Join(b.bin, "argo"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said := b.conditions(t.Context())
			if slices.Contains(said, leftOut) != c.said || b.wantsSet(setArgo) != c.argo || b.wants(argoLegacy()) != c.argo {
				t.Errorf("peers %v after %q", b.peers, said)
			}
		})
	}
}

// TestMakeBench runs the target with a go command that builds everything but
// gitops-engine, whose module cannot always be had.
func TestMakeBench(t *testing.T) {
	dir := t.TempDir()
	makefile := must(os.ReadFile("../../../Makefile"))(t)
	for path, text := range map[string]string{
		"Makefile":                                 string(makefile),
		"internal/testenv/bench/argo/main.go":      "",
		"internal/testenv/bench/references/go.mod": "",
		"bin/peers/argo":                           "of an earlier build",
		"bin/bench":                                "#!/bin/sh\necho measured\n",
		"bin/renders":                              "#!/bin/sh\necho rendered\n",
		"go":                                       "#!/bin/sh\ncase $PWD in */argo) exit 1;; esac\n",
	} {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	said, err := exec.CommandContext(t.Context(), "make", "-C", dir, "bench", "GO="+filepath.Join(dir, "go"), "VERSION=x").CombinedOutput()
	if err != nil || !bytes.Contains(said, []byte("\nmeasured\n")) || !bytes.Contains(said, []byte("\nrendered\n")) {
		t.Errorf("make bench: %v\n%s", err, said)
	}
	if _, err := os.Stat(filepath.Join(dir, "bin/peers/argo")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the peer of an earlier build is left: %v", err)
	}
}

func TestKubectlFound(t *testing.T) {
	entries := must(workload("x", sized(50)))(t)
	e := entries[slices.IndexFunc(entries, func(e entry) bool { return e.object.GetKind() == "Deployment" })]
	of := set{entries: entries}
	name := "apps.v1.Deployment." + e.object.GetNamespace() + "." + e.object.GetName()
	said := "diff -u -N /tmp/LIVE-123/" + name + " /tmp/MERGED-456/" + name + "\n--- a\n+++ b\n"
	differs, failed, err := kubectlFound(nil, of, outcome{stdout: []byte(said), usage: usage{Exit: 1}})
	if err != nil || len(failed) > 0 || !slices.Equal(differs, []string{e.id()}) {
		t.Errorf("differs %v, failed %v, %v", differs, failed, err)
	}
	if _, failed, _ := kubectlFound(nil, of, outcome{usage: usage{Exit: 2}}); len(failed) != len(entries) {
		t.Errorf("after an error %d objects are unjudged, want all %d", len(failed), len(entries))
	}
	if _, _, err := kubectlFound(nil, of, outcome{stdout: []byte(strings.ReplaceAll(said, "x-app", "y-app"))}); err == nil {
		t.Error("an object that nobody desired is taken")
	}
}

// must returns what a call returns, and ends the test on its error.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
