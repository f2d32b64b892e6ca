package config

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(minimal))
	for _, table := range [][]refusal{shapes, references} {
		for _, test := range table {
			f.Add([]byte(test.document()))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := Parse("k.yaml", data)
		if err == nil {
			// What was accepted must be usable by everything that follows.
			config.DriftApps()
			config.DriftGuards()
			if len(config.Apps) == 0 || config.Cluster.Name == "" {
				t.Errorf("accepted without apps or cluster: %+v", config)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("error is %T, want Problems: %v", err, err)
		}
		for _, one := range problems {
			if one.File == "" || one.Stage != "config" {
				t.Errorf("problem without a place: %+v", one)
			}
		}
		if diff := cmp.Diff(Config{}, config); diff != "" {
			t.Errorf("a refused config must be empty: %s", diff)
		}
	})
}
