package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// objects are the manifests of a release, by what they are.
type objects struct {
	deployments []appsv1.Deployment
	jobs        []batchv1.Job
	services    []corev1.Service
	accounts    []corev1.ServiceAccount
	ingresses   []networkingv1.Ingress
	budgets     []policyv1.PodDisruptionBudget
	scalers     []autoscalingv2.HorizontalPodAutoscaler
	monitors    []monitor
	wrong       []string
}

// monitor is as much of the Prometheus operator's ServiceMonitor as the chart uses.
type monitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector        metav1.LabelSelector `json:"selector"`
		PodTargetLabels []string             `json:"podTargetLabels"`
		Endpoints       []struct {
			Port     string `json:"port"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

func decode(docs []string) (o objects) {
	for _, doc := range docs {
		var meta metav1.TypeMeta
		err := yaml.Unmarshal([]byte(doc), &meta)
		switch {
		case err != nil:
		case meta.APIVersion == "apps/v1" && meta.Kind == "Deployment":
			err = add(&o.deployments, doc)
		case meta.APIVersion == "batch/v1" && meta.Kind == "Job":
			err = add(&o.jobs, doc)
		case meta.APIVersion == "v1" && meta.Kind == "Service":
			err = add(&o.services, doc)
		case meta.APIVersion == "v1" && meta.Kind == "ServiceAccount":
			err = add(&o.accounts, doc)
		case meta.APIVersion == "networking.k8s.io/v1" && meta.Kind == "Ingress":
			err = add(&o.ingresses, doc)
		case meta.APIVersion == "policy/v1" && meta.Kind == "PodDisruptionBudget":
			err = add(&o.budgets, doc)
		case meta.APIVersion == "autoscaling/v2" && meta.Kind == "HorizontalPodAutoscaler":
			err = add(&o.scalers, doc)
		case meta.APIVersion == "monitoring.coreos.com/v1" && meta.Kind == "ServiceMonitor":
			err = add(&o.monitors, doc)
		default:
			err = errUnknown
		}
		if err != nil {
			o.wrong = append(o.wrong, quote(doc, err))
		}
	}
	return o
}

func add[T any](to *[]T, doc string) error {
	v, err := decodeInto[T](doc)
	*to = append(*to, v)
	return err
}

// problems finds faults that Kubernetes would accept.
func (o objects) problems() []string {
	found := slices.Clone(o.wrong)
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, d := range o.deployments {
		if !selects(d.Spec.Selector, d.Spec.Template.Labels) {
			say("%s does not select its own pods", d.Name)
		}
		o.pod(d.Name, d.Spec.Template.Spec, say)
		probes(d, say)
	}
	for _, j := range o.jobs {
		o.pod(j.Name, j.Spec.Template.Spec, say)
	}
	o.reached(say)
	for _, b := range o.budgets {
		if n := o.selected(b.Spec.Selector); n != 1 {
			say("the budget %s is about %d deployments", b.Name, n)
		}
	}
	for _, s := range o.scalers {
		i := slices.IndexFunc(o.deployments,
			func(d appsv1.Deployment) bool { return d.Name == s.Spec.ScaleTargetRef.Name })
		switch {
		case i < 0:
			say("the autoscaler %s scales %s, which is not there", s.Name, s.Spec.ScaleTargetRef.Name)
		case o.deployments[i].Spec.Replicas != nil:
			say("%s has replicas beside an autoscaler", s.Spec.ScaleTargetRef.Name)
		}
	}
	if len(o.deployments) != 3 {
		say("there are %d deployments", len(o.deployments))
	}
	return found
}

func selects(s *metav1.LabelSelector, of map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(of))
}

func (o objects) selected(s *metav1.LabelSelector) (n int) {
	for _, d := range o.deployments {
		if selects(s, d.Spec.Template.Labels) {
			n++
		}
	}
	return n
}

// reached wants each service to find pods with the port that it names, and each
// ingress and monitor to find its service.
func (o objects) reached(say func(string, ...any)) {
	for _, s := range o.services {
		n := 0
		for _, d := range o.deployments {
			if !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels)) {
				continue
			}
			n++
			for _, p := range s.Spec.Ports {
				if !hasPort(d.Spec.Template.Spec.Containers[0], p.TargetPort) {
					say("the service %s wants port %s of %s", s.Name, p.TargetPort.String(), d.Name)
				}
			}
		}
		if n == 0 {
			say("the service %s selects nothing", s.Name)
		}
	}
	for _, i := range o.ingresses {
		for _, r := range i.Spec.Rules {
			for _, p := range r.HTTP.Paths {
				if b := p.Backend.Service; !o.offers(b.Name, b.Port.Name) {
					say("the ingress %s leads to %s, port %s, which is not there", i.Name, b.Name, b.Port.Name)
				}
			}
		}
	}
	for _, m := range o.monitors {
		if !slices.ContainsFunc(o.services, func(s corev1.Service) bool {
			return selects(&m.Spec.Selector, s.Labels) && o.offers(s.Name, m.Spec.Endpoints[0].Port)
		}) {
			say("the monitor %s finds no service", m.Name)
		}
	}
}

func (o objects) offers(service, port string) bool {
	return slices.ContainsFunc(o.services, func(s corev1.Service) bool {
		return s.Name == service &&
			slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == port })
	})
}

func hasPort(c corev1.Container, port intstr.IntOrString) bool {
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == port.StrVal })
}

// drain is how long bellhop takes at most to finish its work.
const drain = 25

func probes(d appsv1.Deployment, say func(string, ...any)) {
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	for name, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe,
		"liveness": c.LivenessProbe} {
		if p == nil || p.HTTPGet == nil || !hasPort(c, p.HTTPGet.Port) {
			say("%s has no %s probe on one of its ports", d.Name, name)
		}
	}
	grace, sleep := int64(0), int64(0)
	if g := pod.TerminationGracePeriodSeconds; g != nil {
		grace = *g
	}
	if l := c.Lifecycle; l != nil {
		sleep = l.PreStop.Sleep.Seconds
	}
	if grace <= sleep+drain {
		say("%s is killed after %d s, before it has drained", d.Name, grace)
	}
}

// pod holds a pod against the restricted profile of Kubernetes' pod security standards, and checks
// that everything it refers to exists.
func (o objects) pod(name string, p corev1.PodSpec, say func(string, ...any)) {
	c := p.Containers[0]
	s, own := p.SecurityContext, c.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil ||
		s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		say("%s may run as root, or without a seccomp profile", name)
	}
	if own == nil || own.ReadOnlyRootFilesystem == nil || !*own.ReadOnlyRootFilesystem ||
		own.AllowPrivilegeEscalation == nil ||
		*own.AllowPrivilegeEscalation || own.Capabilities == nil ||
		!slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		say("%s is not confined", name)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
		say("%s says not what it takes", name)
	}
	if a := p.ServiceAccountName; a != "" && a != "orders" &&
		!slices.ContainsFunc(o.accounts, func(s corev1.ServiceAccount) bool { return s.Name == a }) {
		say("%s runs as %s, which does not exist", name, a)
	}
	environment(name, c, say)
}

var reference = regexp.MustCompile(`\$\((\w+)\)`)

// environment wants each $(NAME) to stand below NAME, no variable twice, and
// secrets to come from the secret.
func environment(name string, c corev1.Container, say func(string, ...any)) {
	before := map[string]bool{}
	for _, e := range c.Env {
		for _, m := range reference.FindAllStringSubmatch(e.Value, -1) {
			if !before[m[1]] {
				say("%s: %s refers to %s, which is not known by then: %v", name, e.Name, m[1],
					slices.Sorted(maps.Keys(before)))
			}
		}
		if secret := strings.HasSuffix(e.Name, "_SECRET") || strings.HasSuffix(e.Name, "_PASSWORD"); secret &&
			e.Value != "" {
			say("%s: %s stands in the manifest", name, e.Name)
		}
		if before[e.Name] {
			say("%s: %s is set twice", name, e.Name)
		}
		before[e.Name] = true
	}
}
