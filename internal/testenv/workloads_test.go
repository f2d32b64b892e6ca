package testenv

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var labels = map[string]string{"app": "web"}

func podTemplate(annotations map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example/web:1"}}},
	}
}

func deployment(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: podTemplate(nil),
		},
	}
}

func TestDeploymentBecomesAvailable(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	deployments := cp.Client().AppsV1().Deployments(cp.NewNamespace(t))
	if _, err := deployments.Create(t.Context(), deployment(3), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cp.Eventually(t, "the Deployment is Available", func(ctx context.Context) error {
		live, err := deployments.Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if live.Status.AvailableReplicas != 3 {
			return fmt.Errorf("%d of 3 replicas are available", live.Status.AvailableReplicas)
		}
		return nil
	})
}

func TestStatefulSetWithClaimsBecomesReady(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	namespace := cp.NewNamespace(t)
	two := int32(2)
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &two,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: podTemplate(nil),
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources: corev1.VolumeResourceRequirements{
						Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
					},
				},
			}},
		},
	}
	sets := cp.Client().AppsV1().StatefulSets(namespace)
	if _, err := sets.Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cp.Eventually(t, "the StatefulSet is ready", func(ctx context.Context) error {
		live, err := sets.Get(ctx, "db", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if live.Status.ReadyReplicas != two {
			return fmt.Errorf("%d of 2 replicas are ready", live.Status.ReadyReplicas)
		}
		return nil
	})
	claim, err := cp.Client().CoreV1().PersistentVolumeClaims(namespace).Get(t.Context(), "data-db-1", metav1.GetOptions{})
	if err != nil || claim.Status.Phase != corev1.ClaimBound {
		t.Errorf("claim: %v, phase %q", err, claim.Status.Phase)
	}
}

func TestDaemonSetAndJobProgress(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	namespace := cp.NewNamespace(t)
	daemons := &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: podTemplate(nil)},
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "once"}, Spec: batchv1.JobSpec{Template: podTemplate(nil)}}
	job.Spec.Template.Labels = nil
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	if _, err := cp.Client().AppsV1().DaemonSets(namespace).Create(t.Context(), daemons, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := cp.Client().BatchV1().Jobs(namespace).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cp.Eventually(t, "the DaemonSet runs on every node", func(ctx context.Context) error {
		live, err := cp.Client().AppsV1().DaemonSets(namespace).Get(ctx, "agent", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if live.Status.NumberAvailable != defaultNodes {
			return fmt.Errorf("available on %d nodes", live.Status.NumberAvailable)
		}
		return nil
	})
	cp.Eventually(t, "the Job is done", func(ctx context.Context) error {
		live, err := cp.Client().BatchV1().Jobs(namespace).Get(ctx, "once", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if live.Status.Succeeded != 1 || live.Status.CompletionTime == nil {
			return fmt.Errorf("succeeded: %d, completed: %v", live.Status.Succeeded, live.Status.CompletionTime)
		}
		return nil
	})
}

func TestPodsStayPendingOnRequestAndGoAtOnce(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	pods := cp.Client().CoreV1().Pods(cp.NewNamespace(t))
	// The second pod's readiness shows that kwok has seen the first.
	for name, annotations := range map[string]map[string]string{"stuck": {"testenv.killick.dev/stuck": ""}, "well": nil} {
		template := podTemplate(annotations)
		template.Name = name
		if _, err := pods.Create(t.Context(), &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var stuck *corev1.Pod
	cp.Eventually(t, "one pod runs and both are scheduled", func(ctx context.Context) error {
		well, err := pods.Get(ctx, "well", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if stuck, err = pods.Get(ctx, "stuck", metav1.GetOptions{}); err != nil {
			return err
		}
		if well.Status.Phase != corev1.PodRunning || stuck.Spec.NodeName == "" {
			return fmt.Errorf("phase %q, node %q", well.Status.Phase, stuck.Spec.NodeName)
		}
		return nil
	})
	if stuck.Status.Phase != corev1.PodPending {
		t.Errorf("the stuck pod is %q", stuck.Status.Phase)
	}
	if err := pods.Delete(t.Context(), "well", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	cp.Eventually(t, "the deleted pod is gone", func(ctx context.Context) error {
		_, err := pods.Get(ctx, "well", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is there, or unreadable: %w", err)
	})
}

func TestAutoscalerRaisesReplicasToItsMinimum(t *testing.T) {
	t.Parallel()
	cp := Cluster(t)
	namespace := cp.NewNamespace(t)
	deployments := cp.Client().AppsV1().Deployments(namespace)
	if _, err := deployments.Create(t.Context(), deployment(1), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	four := int32(4)
	scaler := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas:    &four,
			MaxReplicas:    6,
		},
	}
	if _, err := cp.Client().AutoscalingV2().HorizontalPodAutoscalers(namespace).Create(t.Context(), scaler, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cp.Eventually(t, "the Deployment is scaled", func(ctx context.Context) error {
		live, err := deployments.Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if *live.Spec.Replicas != four {
			return fmt.Errorf("replicas: %d", *live.Spec.Replicas)
		}
		return nil
	})
}
