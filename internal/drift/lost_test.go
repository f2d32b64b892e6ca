package drift

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason        string
		id            ID
		live, desired string
		want          []string
	}{
		{"a Deployment's Pods and history", ID{Group: "apps", Kind: "Deployment"}, `status: {replicas: 3}`, `{}`,
			[]string{"its 3 Pods, all at once", "its ReplicaSets: there is no earlier revision to roll back to"}},
		{"a StatefulSet's claims stay", ID{Group: "apps", Kind: "StatefulSet"}, `{status: {replicas: 1}, spec: {volumeClaimTemplates: [{}]}}`, `{}`,
			[]string{"its Pod", "nothing of its volumes: their claims stay as they are, and the new Pods use them"}},
		{"unless it says otherwise", ID{Group: "apps", Kind: "StatefulSet"},
			`{spec: {volumeClaimTemplates: [{}], persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}}}`, `{}`,
			[]string{"its Pods", "the claims of its volumes and their data (its retention policy says Delete)"}},
		{"a DaemonSet counts otherwise", ID{Group: "apps", Kind: "DaemonSet"}, `status: {currentNumberScheduled: 12}`, `{}`, []string{"its 12 Pods, all at once"}},
		{"a Job runs again", ID{Group: "batch", Kind: "Job"}, `{}`, `{}`, []string{"its Pods and their logs, and what it has done: it runs again"}},
		{"what a Service was given", ID{Kind: "Service"},
			`{spec: {clusterIP: 10.0.0.7, ports: [{nodePort: 30080}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.7}, {hostname: lb.example.com}]}}}`, `{}`,
			[]string{"cluster IP 10.0.0.7", "node ports 30080", "load balancer address 192.0.2.7, lb.example.com"}},
		{"what Git asks for comes back", ID{Kind: "Service"}, `{spec: {clusterIP: 10.0.0.7, ports: [{nodePort: 30080}]}}`,
			`{spec: {clusterIP: 10.0.0.7, ports: [{nodePort: 30080}]}}`, []string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
		{"a headless Service has no address", ID{Kind: "Service"}, `{spec: {clusterIP: None}}`, `{}`,
			[]string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
		{"a Gateway's address", ID{Group: "gateway.networking.k8s.io", Kind: "Gateway"}, `status: {addresses: [{value: 192.0.2.9}]}`, `{}`, []string{"load balancer address 192.0.2.9"}},
		{"a claim", ID{Kind: "PersistentVolumeClaim"}, `spec: {volumeName: pv-1}`, `{}`, []string{`the data on its volume "pv-1", unless that is retained`}},
		{"a claim that has no volume", ID{Kind: "PersistentVolumeClaim"}, `{}`, `{}`, []string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
		{"finalizers say that something is cleaned up", ID{Group: "example.com", Kind: "Database"}, `metadata: {finalizers: [example.com/drop]}`, `{}`,
			[]string{"its status, and what its controller made for it", "whatever its finalizers clean up (example.com/drop)"}},
		{"a binding", ID{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}, `{}`, `{}`, []string{"what others wrote to it; until it is there again, whoever uses it finds nothing"}},
	} {
		if diff := cmp.Diff(c.want, Lost(c.id, tree(t, c.live), tree(t, c.desired))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
	if lost := Lost(ID{Kind: "Service"}, nil, nil); lost != nil {
		t.Errorf("nothing is there, and %q goes", lost)
	}
}

// TestRegrouped: an object that moves to another API group under its name is two objects
// to the API server, and one to people.
func TestRegrouped(t *testing.T) {
	t.Parallel()
	of := func(group, name string, kind Type, action Action) Result {
		return Result{Outcome: Planned, Step: Step{Change: Change{ID: ID{Group: group, Kind: "Boat", Namespace: "shop", Name: name}, Type: kind},
			Observation: Observation{Live: map[string]any{}}, Decision: Decision{Action: action}}}
	}
	for _, c := range []struct {
		reason  string
		results []Result
		want    string
	}{
		{"deleted there and created here", []Result{of("old.example.com", "a", Extra, Prune), of("new.example.com", "a", Missing, Sync)},
			`Git has it in API group "new.example.com" now: that one is created, this one is deleted`},
		{"not deleted", []Result{of("old.example.com", "a", Extra, AlertOnly), of("new.example.com", "a", Missing, Sync)}, ""},
		{"another name", []Result{of("old.example.com", "a", Extra, Prune), of("new.example.com", "b", Missing, Sync)}, ""},
	} {
		app := ReportOfApp(AppOutcome{Results: c.results})
		for _, resource := range app.Resources {
			if resource.Group == "old.example.com" && strings.Join(resource.Findings, "") != c.want {
				t.Errorf("%s: findings %q", c.reason, resource.Findings)
			}
			if (len(resource.Lost) > 0) != (c.want != "" && resource.Group == "old.example.com") {
				t.Errorf("%s: %s loses %q", c.reason, resource.Group, resource.Lost)
			}
		}
	}
}

// TestRedactorEveryField: whatever field a report has, what is known as secret is not in it.
// Those that name things by rules of their own are excepted.
func TestRedactorEveryField(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery"
	names := map[string]bool{"Schema": true, "Name": true, "Namespace": true, "Group": true, "Kind": true, "Version": true, "UID": true, "ID": true,
		"App": true, "Stage": true, "Mode": true, "File": true, "Path": true, "Renderer": true, "Repository": true, "Ref": true, "Commit": true,
		"Health": true, "Guard": true, "Hash": true, "Drift": true, "Cause": true, "Action": true, "Outcome": true, "Op": true, "Verb": true,
		"Rule": true, "Area": true, "Job": true, "Severity": true, "Routes": true, "Approval": true, "Chart": true, "Template": true, "ManagerClass": true}
	var report Report
	fill(reflect.ValueOf(&report).Elem(), secret)
	clean := Redactor{}.With(secret).Report(report)
	var search func(v reflect.Value, place string)
	search = func(v reflect.Value, place string) {
		switch v.Kind() {
		case reflect.String:
			if strings.Contains(v.String(), secret) {
				t.Errorf("%s holds the secret", place)
			}
		case reflect.Interface, reflect.Pointer:
			if !v.IsNil() {
				search(v.Elem(), place)
			}
		case reflect.Slice:
			for i := range v.Len() {
				search(v.Index(i), place+"[]")
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if field := v.Type().Field(i); field.IsExported() && !names[field.Name] {
					search(v.Field(i), place+"."+field.Name)
				}
			}
		}
	}
	search(reflect.ValueOf(clean), "Report")
}

// fill puts a text into every field, and one element into every list.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Interface:
		v.Set(reflect.ValueOf(text))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	}
}
