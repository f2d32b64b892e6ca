package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/killick-dev/killick/internal/drift"
)

func TestImpersonation(t *testing.T) {
	e := newEnv(t)
	client := e.connect(Options{})
	group := "system:serviceaccounts:" + e.ns
	e.create("{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: NS}, rules: [{apiGroups: [''], resources: [configmaps, namespaces], verbs: [get, list, patch, create]}]}")
	e.create(fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: r, namespace: NS}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}, subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: %q}]}", group))
	e.granted(authorizationv1.SubjectAccessReviewSpec{User: "system:serviceaccount:" + e.ns + ":deployer", Groups: []string{group}}, e.ns,
		"[{apiGroups: [''], resources: [configmaps], verbs: [create]}]")
	app := drift.App{Name: "shop", ServiceAccount: e.ns + "/deployer"}
	allowed, elsewhere := e.object(configMap("a")), e.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}")

	// The right comes from the account's group, which the server adds.
	if _, err := client.Apply(e.ctx, drift.ApplyRequest{App: app, Object: allowed}); err != nil {
		t.Errorf("as the account, in its namespace: %v", err)
	}
	if _, err := client.Apply(e.ctx, drift.ApplyRequest{App: app, Object: elsewhere}); !errors.Is(err, drift.ErrForbidden) || !strings.Contains(err.Error(), "system:serviceaccount:"+e.ns+":deployer") {
		t.Errorf("as the account, elsewhere: %v", err)
	}
	if err := client.Delete(e.ctx, drift.DeleteRequest{App: app, ID: allowed.ID, Version: "v1", UID: "u", ResourceVersion: "1"}); !errors.Is(err, drift.ErrForbidden) {
		t.Errorf("delete: %v", err)
	}
	if o := client.Get(e.ctx, app, elsewhere.ID, "v1"); o.State != drift.Unreadable || !errors.Is(o.Err, drift.ErrForbidden) {
		t.Errorf("get: state %v, %v", o.State, o.Err)
	}

	// Two identities in one call do not see each other's rights.
	answers, err := client.Observe(e.ctx, []drift.Want{
		{App: app, Objects: []drift.Object{allowed, elsewhere}},
		{App: drift.App{Name: "admin"}, Objects: []drift.Object{elsewhere}},
	})
	if err != nil {
		t.Fatal(err)
	}
	states := []drift.State{answers[0].Objects[0].State, answers[0].Objects[1].State, answers[1].Objects[0].State}
	if diff := cmp.Diff([]drift.State{drift.Present, drift.Unreadable, drift.Absent}, states); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}

	// Who may not impersonate cannot fall back to its own rights.
	user := "weak-" + e.ns
	e.allow(user, "", `[{apiGroups: [""], resources: [configmaps], verbs: ["*"]}]`)
	weak := e.connectAs(user, Options{})
	if _, err := weak.Apply(e.ctx, drift.ApplyRequest{App: app, Object: allowed}); err == nil {
		t.Error("wrote without the right to impersonate")
	}
	if _, err := client.Observe(e.ctx, []drift.Want{{App: drift.App{ServiceAccount: "/"}}}); err == nil {
		t.Error("half an identity was used")
	}
}
