package charttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func cronJob(t *testing.T, in install) batchv1.CronJob {
	t.Helper()
	for _, object := range render(t, in) {
		if object.GetKind() == "CronJob" {
			var job batchv1.CronJob
			convert(t, object, &job)
			return job
		}
	}
	t.Fatal("no CronJob is rendered")
	return batchv1.CronJob{}
}

func TestCronJob(t *testing.T) {
	for name, in := range examples(t) {
		t.Run(name, func(t *testing.T) {
			job := cronJob(t, in)
			if limit := job.Spec.JobTemplate.Spec.BackoffLimit; limit == nil || *limit != 0 {
				t.Errorf("backoffLimit = %v, want 0: a failed run is never retried", limit)
			}
			pod := job.Spec.JobTemplate.Spec.Template.Spec
			if pod.RestartPolicy != corev1.RestartPolicyNever {
				t.Errorf("restartPolicy = %s", pod.RestartPolicy)
			}
			for _, variable := range pod.Containers[0].Env {
				if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef != nil {
					t.Errorf("%s is a credential in the environment", variable.Name)
				}
			}
			mounted := map[string]bool{}
			for _, mount := range pod.Containers[0].VolumeMounts {
				mounted[mount.Name] = true
			}
			for _, volume := range pod.Volumes {
				if !mounted[volume.Name] {
					t.Errorf("volume %s is not mounted", volume.Name)
				}
			}
			for _, argument := range pod.Containers[0].Args {
				if _, file, ok := strings.Cut(argument, "-file=/etc/killick/"); ok && !provides(pod.Volumes, file) {
					t.Errorf("%s names a file that no volume provides", argument)
				}
			}
		})
	}
}

// provides says whether a credential volume holds "git/token" and the like.
func provides(volumes []corev1.Volume, file string) bool {
	name, wanted, _ := strings.Cut(file, "/")
	for _, volume := range volumes {
		if volume.Name != name {
			continue
		}
		var items []corev1.KeyToPath
		if volume.Secret != nil {
			items = volume.Secret.Items
		}
		if volume.Projected != nil {
			for _, source := range volume.Projected.Sources {
				if source.Secret != nil {
					items = append(items, source.Secret.Items...)
				}
				if source.ConfigMap != nil {
					items = append(items, source.ConfigMap.Items...)
				}
			}
		}
		for _, item := range items {
			if item.Path == wanted {
				return true
			}
		}
	}
	return false
}

func TestArguments(t *testing.T) {
	common := []string{"run", "--repo=https://git.example.com/platform.git", "--ref=main", "--config=killick.yaml",
		"--state-namespace=ops", "--timeout=570s", "--output=text", "--detect"}
	for _, c := range []struct {
		why, values string
		want        []string
	}{
		{"the least", "", nil},
		{"a token", "git: {auth: token, existingSecret: s}", []string{"--git-token-file=/etc/killick/git/token"}},
		{"basic auth and a CA", "git: {auth: basic, existingSecret: s, ca: {existingSecret: ca}}", []string{
			"--git-username-file=/etc/killick/git/username", "--git-password-file=/etc/killick/git/password", "--git-ca-file=/etc/killick/git/ca.crt"}},
		{"ssh", "git: {auth: ssh, existingSecret: s}", []string{
			"--git-ssh-key-file=/etc/killick/git/ssh-key", "--git-known-hosts-file=/etc/killick/git/known_hosts"}},
		{"a Slack bot", "slack: {auth: token, existingSecret: s, channel: C1}", []string{
			"--slack-token-file=/etc/killick/slack/token", "--slack-channel=C1"}},
		{"a Slack webhook has its channel already", "slack: {auth: webhook, existingSecret: s, channel: C1}", []string{
			"--slack-webhook-file=/etc/killick/slack/webhook"}},
		{"more arguments come last", "extraArgs: [--app=shop]", []string{"--app=shop"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			job := cronJob(t, install{release: "killick", namespace: "ops", values: repo + c.values})
			got := job.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args
			if diff := cmp.Diff(append(slices.Clone(common), c.want...), got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}
