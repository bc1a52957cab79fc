package aws_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestTheExampleForCI holds the workflow to the scripts, and to what makes it safe.
func TestTheExampleForCI(t *testing.T) {
	example := readText(t, "ci/github-actions.yml")
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct {
			Environment string
			Needs       string
			Permissions map[string]string
			Steps       []struct {
				Uses, Run string
				With, Env map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(example), &workflow); err != nil {
		t.Fatal(err)
	}
	makefile, script := readText(t, "../../Makefile"), readText(t, "deploy.sh")+readText(t, "stack.sh")
	if len(workflow.Jobs) != 2 || len(workflow.Permissions) != 0 || workflow.Jobs["production"].Needs != "staging" {
		t.Errorf("the jobs are %v", workflow.Jobs)
	}
	for name, job := range workflow.Jobs {
		if job.Environment != name || text(job.Permissions) != `{"contents":"read","id-token":"write"}` {
			t.Errorf("%s runs in %s and may %v", name, job.Environment, job.Permissions)
		}
		var ran []string
		for _, step := range job.Steps {
			target, deploys := strings.CutPrefix(step.Run, "make ")
			if step.Run != "" && (!deploys || !strings.Contains(makefile, "\n"+target+":")) {
				t.Errorf("%s runs %q", name, step.Run)
			}
			if deploys {
				ran = append(ran, target)
			}
			for variable := range step.Env {
				if !strings.Contains(script, "${"+variable) {
					t.Errorf("%s sets %s, and the script knows none", name, variable)
				}
			}
		}
		if !slices.Equal(ran, []string{"deploy-aws"}) {
			t.Errorf("%s runs %v", name, ran)
		}
	}
	if strings.Contains(example, "secrets.") {
		t.Error("it needs a secret")
	}
}

// TestTheExampleTrustsOneEnvironment shows that no other repository, branch or pull request may deploy.
func TestTheExampleTrustsOneEnvironment(t *testing.T) {
	var policy struct{ Statement []map[string]any }
	if err := json.Unmarshal([]byte(readText(t, "ci/github-trust.json")), &policy); err != nil {
		t.Fatal(err)
	}
	const issuer = "token.actions.githubusercontent.com"
	want := `{"StringEquals":{"` + issuer + `:aud":"sts.amazonaws.com","` + issuer +
		`:sub":"repo:OWNER/REPOSITORY:environment:ENVIRONMENT"}}`
	if s := policy.Statement; len(s) != 1 || text(s[0]["Condition"]) != want ||
		s[0]["Action"] != "sts:AssumeRoleWithWebIdentity" {
		t.Errorf("it trusts %s", text(s))
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
