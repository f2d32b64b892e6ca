package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/killick-dev/killick/internal/nested"
)

// script is one case: what Killick applied, who changed what afterwards, and
// what Git says by then. It follows from its seed, and replays on any object.
type script struct {
	seed    int64
	kind    kind
	first   map[string]any // the manifest that Killick applied first
	newer   []edit         // what a second apply of Killick's own changed
	acts    []act          // what others did then
	git     []edit         // what Git changed since
	back    bool           // Git went back to the first manifest
	special string         // delete, recreate, unlabel, reset; after the acts
}

// act is one edit by one client.
type act struct {
	hand hand
	edit edit
}

// newScript makes the case of a seed; only limits it to one kind.
func newScript(seed int64, only string) script {
	r := rand.New(rand.NewPCG(uint64(seed), 0x6b696c6c69636b))
	all := kinds()
	if only != "" {
		var fitting []kind
		for _, k := range all {
			if k.name == only {
				fitting = append(fitting, k)
			}
		}
		all = fitting
	}
	s := script{seed: seed, kind: all[r.IntN(len(all))]}
	s.first, _ = s.kind.shape.make(r, 0.1+0.5*r.Float64()).(map[string]any)
	s.fit(s.first)
	model := any(s.first)
	change := func() (edit, bool) {
		e, ok := randomEdit(r, s.kind.shape, model)
		if ok {
			model, ok = e.on(s.kind.shape, model)
		}
		return e, ok
	}
	if r.IntN(100) < 20 {
		for range 1 + r.IntN(2) {
			if e, ok := change(); ok {
				s.newer = append(s.newer, e)
			}
		}
		s.back = r.IntN(4) == 0
	}
	afterOwn := model
	for range [...]int{0, 0, 1, 1, 1, 1, 1, 2, 2, 3}[r.IntN(10)] {
		if e, ok := change(); ok {
			s.acts = append(s.acts, act{chooseHand(r, s.kind, e), e})
		}
	}
	afterActs := model
	model = afterOwn
	if r.IntN(100) < 25 && !s.back {
		for range 1 + r.IntN(2) {
			if e, ok := change(); ok {
				s.git = append(s.git, e)
			}
		}
	}
	if r.IntN(100) < 6 {
		s.special = [...]string{"delete", "recreate", "unlabel", "reset"}[r.IntN(4)]
		if s.special == "unlabel" && (s.kind.name == "Job" || s.kind.name == "ReplicationController") {
			s.special = "" // without labels the server gives them their template's
		}
	}
	if s.kind.scalable && r.IntN(4) == 0 {
		s.acts = append(s.acts, scaleTo(int64(r.IntN(4)), s.kind, afterActs))
	}
	return s
}

// scaleTo is kubectl scale, of an object that names replicas or not.
func scaleTo(count int64, k kind, tree any) act {
	e := edit{op: "add", path: path{}.field("spec").field("replicas"), value: count}
	if old, named := k.shape.get(tree, e.path); named {
		e.op, e.old = "change", old
	}
	return act{hand{"kubectl-scale", scaling}, e}
}

// fit makes the parts of a manifest fit together.
func (s script) fit(manifest map[string]any) {
	manifest["kind"] = s.kind.name
	if s.kind.fix != nil {
		s.kind.fix(manifest)
	}
}

// manifests are what Killick applied, in order, and what Git says now.
func (s script) manifests() (applied []map[string]any, desired map[string]any) {
	applied = []map[string]any{s.first}
	desired = s.first
	if len(s.newer) > 0 {
		desired = s.edited(s.first, s.newer)
		applied = append(applied, desired)
	}
	if s.back {
		return applied, s.first
	}
	if len(s.git) > 0 {
		desired = s.edited(desired, s.git)
	}
	return applied, desired
}

func (s script) edited(manifest map[string]any, edits []edit) map[string]any {
	tree := any(nested.CloneMap(manifest))
	for _, e := range edits {
		tree, _ = e.on(s.kind.shape, tree)
	}
	out, _ := nested.Clone(tree).(map[string]any)
	s.fit(out)
	return out
}

// shorter are scripts with one thing less each.
func (s script) shorter() []script {
	var out []script
	add := func(change func(*script)) {
		less := s
		change(&less)
		out = append(out, less)
	}
	if s.special != "" {
		add(func(l *script) { l.special = "" })
	}
	if s.back {
		add(func(l *script) { l.back = false })
	}
	for i := range s.acts {
		add(func(l *script) { l.acts = without(s.acts, i) })
	}
	for i := range s.git {
		add(func(l *script) { l.git = without(s.git, i) })
	}
	for i := range s.newer {
		add(func(l *script) { l.newer = without(s.newer, i) })
	}
	for _, spare := range s.kind.shape.sites(s.first, nil, nil) {
		if spare.op == "remove" {
			e := edit{op: "remove", path: spare.path}
			add(func(l *script) { l.first = s.edited(s.first, []edit{e}) })
		}
	}
	return out
}

func without[T any](items []T, i int) []T {
	out := append([]T(nil), items[:i]...)
	return append(out, items[i+1:]...)
}

func (s script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s %s\n", s.seed, s.kind.apiVersion, s.kind.name)
	text, err := yaml.Marshal(s.first)
	if err != nil {
		text = []byte(err.Error())
	}
	for line := range strings.Lines(string(text)) {
		b.WriteString("    | " + line)
	}
	for _, e := range s.newer {
		fmt.Fprintf(&b, "  killick applies: %s\n", e)
	}
	for _, a := range s.acts {
		fmt.Fprintf(&b, "  %s: %s\n", a.hand, a.edit)
	}
	if s.special != "" {
		fmt.Fprintf(&b, "  then somebody: %s\n", s.special)
	}
	for _, e := range s.git {
		fmt.Fprintf(&b, "  Git: %s\n", e)
	}
	if s.back {
		b.WriteString("  Git: back to the first manifest\n")
	}
	return b.String()
}

func brief(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
