package main

import (
	"fmt"
	"os"
	"slices"

	jsonutil "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// record is a script in a file, so that a case that once went wrong stays a test
// when the generator has changed and its seed means another case.
type record struct {
	Why     string         `json:"why,omitempty"`
	Seed    int64          `json:"seed"`
	Kind    string         `json:"kind"`
	Variant int            `json:"variant,omitempty"` // which of several kinds of that name
	First   map[string]any `json:"first"`
	Newer   []recordedEdit `json:"newer,omitempty"`
	Acts    []recordedAct  `json:"acts,omitempty"`
	Git     []recordedEdit `json:"git,omitempty"`
	Back    bool           `json:"back,omitempty"`
	Special string         `json:"special,omitempty"`
}

type recordedAct struct {
	By  string       `json:"by"`
	Way way          `json:"way"`
	Do  recordedEdit `json:"do"`
}

// recordedEdit has a path of field names, of keys as maps, and of set elements as
// maps from "=".
type recordedEdit struct {
	Op    string `json:"op"`
	Path  []any  `json:"path"`
	Value any    `json:"value,omitempty"`
	Old   any    `json:"old,omitempty"`
	At    int    `json:"at,omitempty"`
}

// record is the script as one line of JSON.
func (s script) record() string {
	r := record{Seed: s.seed, Kind: s.kind.name, Variant: s.kind.variant, First: s.first, Newer: recordEdits(s.newer), Git: recordEdits(s.git), Back: s.back, Special: s.special}
	for _, a := range s.acts {
		r.Acts = append(r.Acts, recordedAct{a.hand.manager, a.hand.way, recordEdits([]edit{a.edit})[0]})
	}
	return brief(r)
}

func recordEdits(edits []edit) []recordedEdit {
	var out []recordedEdit
	for _, e := range edits {
		r := recordedEdit{Op: e.op, Value: e.value, Old: e.old, At: e.at}
		for _, step := range e.path {
			switch {
			case step.name != "":
				r.Path = append(r.Path, step.name)
			case step.keys != nil:
				r.Path = append(r.Path, step.keys)
			default:
				r.Path = append(r.Path, map[string]any{"=": step.value})
			}
		}
		out = append(out, r)
	}
	return out
}

func (r recordedEdit) edit() (edit, error) {
	e := edit{op: r.Op, value: r.Value, old: r.Old, at: r.At}
	for _, step := range r.Path {
		switch step := step.(type) {
		case string:
			e.path = e.path.field(step)
		case map[string]any:
			if v, isSet := step["="]; isSet {
				e.path = e.path.with(element{value: v})
			} else {
				e.path = e.path.with(element{keys: step})
			}
		default:
			return e, fmt.Errorf("path %s: %v is neither a name nor a map", brief(r.Path), step)
		}
	}
	return e, nil
}

func (r record) script() (script, error) {
	s := script{seed: r.Seed, first: r.First, back: r.Back, special: r.Special}
	fitting := slices.DeleteFunc(kinds(), func(k kind) bool { return k.name != r.Kind })
	if r.Variant >= len(fitting) {
		return s, fmt.Errorf("no kind %q", r.Kind)
	}
	s.kind = fitting[r.Variant]
	s.fit(s.first)
	for _, list := range []struct {
		from []recordedEdit
		to   *[]edit
	}{{r.Newer, &s.newer}, {r.Git, &s.git}} {
		for _, recorded := range list.from {
			e, err := recorded.edit()
			if err != nil {
				return s, err
			}
			*list.to = append(*list.to, e)
		}
	}
	for _, a := range r.Acts {
		e, err := a.Do.edit()
		if err != nil {
			return s, err
		}
		s.acts = append(s.acts, act{hand{a.By, a.Way}, e})
	}
	return s, nil
}

// readScripts reads a YAML list of records.
func readScripts(file string) ([]script, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	var records []record
	if err := jsonutil.Unmarshal(asJSON, &records); err != nil { // with int64 numbers
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	scripts := make([]script, 0, len(records))
	for i, r := range records {
		s, err := r.script()
		if err != nil {
			return nil, fmt.Errorf("reading script %d of %q: %w", i, file, err)
		}
		scripts = append(scripts, s)
	}
	return scripts, nil
}
