package check

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const chartDir = root + "/deploy/helm/bellhop"

// kubeVersion is the oldest that the chart says it runs on.
var kubeVersion = common.KubeVersion{Version: "v1.30.0", Major: "1", Minor: "30"}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func valuesOf(t *testing.T, text []byte) (v map[string]any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// render returns the chart's files as helm template would.
func render(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	c := loadChart(t)
	v, err := chartutil.ToRenderValues(c, values,
		common.ReleaseOptions{Name: "shop", Namespace: "orders", Revision: 1, IsInstall: true},
		&common.Capabilities{KubeVersion: kubeVersion, APIVersions: common.DefaultVersionSet})
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(c, v)
}

// manifests returns the documents of all templates, in a fixed order.
func manifests(t *testing.T, values map[string]any) (docs []string) {
	t.Helper()
	files, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, doc := range strings.Split("\n"+files[name], "\n---\n") {
			if strings.TrimSpace(doc) != "" {
				docs = append(docs, strings.TrimSpace(doc)+"\n")
			}
		}
	}
	return docs
}

func valueFiles(t *testing.T) map[string]map[string]any {
	t.Helper()
	names, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(names) < 4 {
		t.Fatal(names, err)
	}
	all := map[string]map[string]any{}
	for _, name := range names {
		all[strings.TrimSuffix(filepath.Base(name), ".yaml")] = valuesOf(t, read(t, name))
	}
	return all
}

func TestChartPassesHelmsLint(t *testing.T) {
	for name, values := range valueFiles(t) {
		result := lint.RunAll(chartDir, values, "orders", lint.WithKubeVersion(&kubeVersion))
		for _, m := range result.Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

// TestChartRenders keeps the manifests for each of the value files, and checks them by
// Kubernetes' own types.
func TestChartRenders(t *testing.T) {
	for name, values := range valueFiles(t) {
		docs := manifests(t, values)
		golden(t, "chart-"+name+".yaml", []byte("---\n"+strings.Join(docs, "---\n")))
		for _, problem := range decode(docs).problems() {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// TestChartSecretsGoWhereTheyAreNeeded wants notify to hold those for Shopify only where shops can be connected, and
// record the key.
func TestChartSecretsGoWhereTheyAreNeeded(t *testing.T) {
	for name, want := range map[string][]string{"minimal": {"serve"}, "all": {"notify", "serve"}} {
		for _, secret := range []string{"SHOPIFY_SECRET", "BELLHOP_KEY"} {
			var who []string
			for _, doc := range manifests(t, valueFiles(t)[name]) {
				if strings.Contains(doc, "key: "+secret+"}") {
					_, component, _ := strings.Cut(doc, "app.kubernetes.io/component: ")
					component, _, _ = strings.Cut(component, "\n")
					who = append(who, component)
				}
			}
			want := want
			if secret == "BELLHOP_KEY" {
				want = slices.Sorted(slices.Values(append(slices.Clone(want), "record")))
			}
			if slices.Sort(who); !slices.Equal(who, want) {
				t.Errorf("%s: %s know %s", name, who, secret)
			}
		}
	}
}

func TestChartTellsWhatToDoNext(t *testing.T) {
	files, err := render(t, valueFiles(t)["all"])
	if err != nil {
		t.Fatal(err)
	}
	notes := files["bellhop/templates/NOTES.txt"]
	for _, want := range []string{"https://bellhop.example.com/webhooks/shopify",
		"deploy/shop-bellhop-serve -- /bellhop shop add"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %s:\n%s", want, notes)
		}
	}
}

// TestChartRefuses gives one wrong value at a time, and wants it named.
func TestChartRefuses(t *testing.T) {
	for values, named := range map[string]string{
		"existingSecret: ''":                                   "/existingSecret",
		"database: {url: 'sqlite:'}":                           "/database/url",
		"database: {url: ''}":                                  "/database/url",
		"database: {url: 'mysql://db/x'}":                      "/database/url",
		"queue: {url: 'sqlite:/data/q.db'}":                    "/queue/url",
		"queue: {url: ''}":                                     "/queue/url",
		"events: {url: 'kafka://k/orders'}":                    "/events/url",
		"push: {url: 'fcm:/elsewhere.json'}":                   "/push/url",
		"url: 'http://bellhop.example.com'":                    "/url",
		"shopify: {clientID: 'two words'}":                     "/shopify/clientID",
		"record: {replicas: 0}":                                "/record/replicas",
		"record: {replica: 3}":                                 "replica",
		"notify: {autoscaling: {targetQueueAgeSeconds: soon}}": "/notify/autoscaling/targetQueueAgeSeconds",
		"serve: {autoscaling: {targetQueueAgeSeconds: 5}}":     "targetQueueAgeSeconds",
		"ingress: {enabled: true}":                             "/ingress/host",
		"image: {digest: 'sha256:short'}":                      "/image/digest",
		"terminationGracePeriodSeconds: 30":                    "/terminationGracePeriodSeconds",
		"extraEnv: [{name: bellhop-log, value: text}]":         "/extraEnv/0/name",
		"sqlite: true":                                         "sqlite",
		"service: {type: ExternalName}":                        "/service/type",
	} {
		merged := loader.MergeMaps(valueFiles(t)["minimal"], valuesOf(t, []byte(values)))
		if _, err := render(t, merged); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("%s: %v", values, err)
		}
	}
	if _, err := render(t, map[string]any{}); err == nil {
		t.Error("it renders without knowing where anything is")
	}
}

// TestMistakesAreSeen shows that the checks of manifests find mistakes.
func TestMistakesAreSeen(t *testing.T) {
	docs := manifests(t, valueFiles(t)["all"])
	for was, becomes := range map[string]string{
		"terminationGracePeriodSeconds:":           "terminationGracePeriod:",
		"readOnlyRootFilesystem: true":             "readOnlyRootFilesystem: false",
		"path: /readyz, port: metrics":             "path: /readyz, port: web",
		"targetPort: http":                         "targetPort: web",
		"maxUnavailable: 1\n":                      "maxUnavailable: []\n",
		"name: shop-bellhop-record\n  minReplicas": "name: shop-bellhop-rec\n  minReplicas",
		"$(QUEUE_PASSWORD)":                        "$(RABBITMQ_PASSWORD)",
		"serviceAccountName: shop-bellhop":         "serviceAccountName: nobody",
	} {
		wrong, found := slices.Clone(docs), false
		for i, d := range wrong {
			if strings.Contains(d, was) {
				wrong[i], found = strings.Replace(d, was, becomes, 1), true
				break
			}
		}
		if !found {
			t.Errorf("nothing says %q", was)
			continue
		}
		if len(decode(wrong).problems()) == 0 {
			t.Errorf("%s passes", becomes)
		}
	}
}

// decodeInto is Kubernetes' strict decoding: an unknown or repeated field is an
// error.
func decodeInto[T any](doc string) (T, error) {
	var v T
	return v, yaml.UnmarshalStrict([]byte(doc), &v, yaml.DisallowUnknownFields)
}

var errUnknown = errors.New("the check knows no such kind")

func quote(doc string, err error) string {
	first, _, _ := bytes.Cut([]byte(doc), []byte("spec:"))
	return fmt.Sprintf("%v in:\n%s", err, first)
}
