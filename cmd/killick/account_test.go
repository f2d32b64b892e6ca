package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// accountVerb makes a service account that may do what lists of rules say, everywhere, and
// no more.
func accountVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: account NAME FILE...")
	}
	var rules []rbacv1.PolicyRule
	for _, file := range args[1:] {
		var more []rbacv1.PolicyRule
		ts.Check(yaml.UnmarshalStrict([]byte(ts.ReadFile(file)), &more))
		rules = append(rules, more...)
	}
	p := placeOf(ts)
	path, err := p.account(context.Background(), args[0], rules)
	ts.Check(err)
	data, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.WriteFile(p.file(args[0]+".kubeconfig"), data, 0o600))
}

// documentedVerb writes the rules that docs/install.md gives an account that plans.
func documentedVerb(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: documented FILE")
	}
	doc, err := os.ReadFile("../../docs/install.md")
	ts.Check(err)
	_, rest, found := strings.Cut(string(doc), "```yaml\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		ts.Fatalf("docs/install.md has no ClusterRole")
	}
	var role rbacv1.ClusterRole
	ts.Check(yaml.UnmarshalStrict([]byte(block), &role))
	rules, err := yaml.Marshal(role.Rules)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), rules, 0o600))
}

func (p *place) account(ctx context.Context, name string, rules []rbacv1.PolicyRule) (string, error) {
	client := p.cp.Client()
	_, err := client.CoreV1().ServiceAccounts(p.namespace).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	wide := p.namespace + "-" + name // cluster-scoped
	_, err = client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: wide}, Rules: rules}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: wide},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: wide},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: p.namespace, Name: name}},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding"} {
		p.made = append(p.made, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": map[string]any{"name": wide},
		}})
	}
	if err := p.granted(ctx, name, rules); err != nil {
		return "", err
	}
	return p.cp.TokenKubeconfig(ctx, p.namespace, name)
}

// granted waits until the API server's own cache has every rule.
func (p *place) granted(ctx context.Context, name string, rules []rbacv1.PolicyRule) error {
	for _, rule := range rules {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + p.namespace + ":" + name,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: rule.APIGroups[0], Resource: rule.Resources[0], Verb: rule.Verbs[0], Namespace: p.namespace,
				Name: strings.Join(rule.ResourceNames, ""),
			},
		}}
		err := eventually(ctx, "the grant", func(ctx context.Context) error {
			answer, err := p.cp.Client().AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
			if err == nil && !answer.Status.Allowed {
				err = fmt.Errorf("%s may not yet %s %s", name, rule.Verbs[0], rule.Resources[0])
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
