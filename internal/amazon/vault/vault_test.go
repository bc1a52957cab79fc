package vault_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/internal/amazon/vault"
)

// secretsIn returns secrets from a stand-in that answers GetSecretValue as Secrets
// Manager does.
func secretsIn(t *testing.T, secrets map[string]any) *vault.Secrets {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ SecretId string }
		json.NewDecoder(r.Body).Decode(&in)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		text, there := secrets[in.SecretId]
		if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || !there {
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`))
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"ARN": in.SecretId, "SecretString": text})
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	cfg, err := amazon.Load(t.Context(), amazon.Settings{Region: "us-east-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return vault.New(cfg)
}

func TestSecrets(t *testing.T) {
	s := secretsIn(t,
		map[string]any{"app": "one,two", "rds": `{"username":"bellhop","password":"p:/@ w","engine":"postgres"}`,
			"half": `{"username":"bellhop"}`, "text": "a very secret text", "binary": nil})
	if text, err := s.Get(t.Context(), "app"); text != "one,two" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if l, err := s.Login(t.Context(), "rds"); l != (vault.Login{Username: "bellhop", Password: "p:/@ w"}) || err != nil {
		t.Errorf("%+v, %v", l, err)
	}
	for id, want := range map[string]bellhop.Kind{"half": bellhop.Unavailable, "text": bellhop.Unavailable,
		"binary": bellhop.Unavailable, "nowhere": bellhop.NotFound} {
		_, err := s.Login(t.Context(), id)
		if bellhop.KindOf(err) != want || !strings.Contains(err.Error(), id) ||
			strings.Contains(err.Error(), "very secret") {
			t.Errorf("%s: %v", id, err)
		}
	}
}
