package main

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSettingsAreThoseOfTheTags(t *testing.T) {
	t.Setenv("BELLHOP_FUNCTION", "sweep")
	t.Setenv("BELLHOP_DB", "postgres://db.example.com:5432/bellhop?sslmode=verify-full")
	t.Setenv("BELLHOP_QUEUE", "sqs://sqs.us-east-1.amazonaws.com/123456789012/orders")
	t.Setenv("BELLHOP_KEEP_PERSONAL", "365d")
	t.Setenv("BELLHOP_MAX_ATTEMPTS", "20")
	t.Setenv("BELLHOP_STATE_MACHINE_TYPE", "STANDARD")
	s, err := settingsFromEnviron()
	if err != nil || s.KeepBodies != 720*time.Hour || s.Push != "log:" || s.MaxAttempts != 20 ||
		s.MachineType != "standard" || s.Retention().Personal != 365*24*time.Hour {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, text := range map[string]string{"BELLHOP_KEEP_BODIES": "long", "BELLHOP_MAX_ATTEMPTS": "many"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, text)
			if _, err := settingsFromEnviron(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestDatabaseURL(t *testing.T) {
	s := &settings{}
	s.DB = "postgres://db.example.com:5432/bellhop?sslmode=verify-full"
	got, err := s.databaseURL(url.UserPassword("bellhop", "p:/@?# w"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := u.User.Password(); password != "p:/@?# w" || u.Host != "db.example.com:5432" ||
		u.Query().Get("pool_max_conns") != "1" {
		t.Errorf("%s", got)
	}
	s.DB += "&pool_max_conns=5"
	if got, err := s.databaseURL(nil); err != nil || !strings.Contains(got, "pool_max_conns=5") ||
		strings.Contains(got, "=1") {
		t.Errorf("%s, %v", got, err)
	}
	s.DB = "postgres://user:hush@"
	if _, err := s.databaseURL(nil); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
}
