package aws_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Connections to the database beside those of the functions that carry orders.
const (
	sweepConns   = 1
	migrateConns = 2 // one keeps other migrations out
	serverConns  = 8 // pool_max_conns in its address; two while one replaces another
	// of max_connections, for superusers
	// (https://aws.amazon.com/premiumsupport/knowledge-center/rds-postgresql-error-connection-slots/)
	reserved = 5
)

// most is the max_connections of an RDS instance with so much memory: LEAST(DBInstanceClassMemory/9531392,5000)
// (https://docs.aws.amazon.com/prescriptive-guidance/latest/tuning-postgresql-parameters/max-connections.html). The
// system and RDS itself take some of the memory first, here guessed from what was measured: 198 connections with 2 GiB,
// 413 with 4, 856 with 8 (https://gist.github.com/guizmaii/1cacffef793c2ba9645083c3e18b3d8c).
func most(mib int) int { return min((mib-300-mib/64)<<20/9531392, 5000) }

func TestMostConnections(t *testing.T) {
	for mib, measured := range map[int]int{2 << 10: 198, 4 << 10: 413, 8 << 10: 856} {
		if got := most(mib); got > measured || got < measured*9/10 {
			t.Errorf("%d MiB take %d connections, and %d were measured", mib, got, measured)
		}
	}
}

// TestConnectionsFit holds what the template says of connections, and that the defaults have enough.
func TestConnectionsFit(t *testing.T) {
	tpl := readTemplate(t)
	consumers := int(number(t, "Consumers", tpl.Parameters["Consumers"].Default))
	batch := int(number(t, "BatchSize", tpl.Parameters["BatchSize"].Default))
	if class := tpl.Parameters["DatabaseClass"].Default; class != "db.t4g.micro" {
		t.Fatalf("%v has another memory than 1 GiB: say so here", class)
	}
	for name, f := range tpl.of("AWS::Lambda::Function") {
		variables := f.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		if strings.Contains(text(variables["BELLHOP_DB"]), "pool_max_conns") {
			t.Errorf("%s asks for more than the one connection of a function", name)
		}
	}
	setup, err := os.ReadFile("server/setup.sh")
	if err != nil || !strings.Contains(string(setup), fmt.Sprintf("&pool_max_conns=%d\"", serverConns)) {
		t.Errorf("the server does not bound its connections to %d: %v", serverConns, err)
	}
	others := sweepConns + migrateConns + 2*serverConns
	steps, direct := 2*consumers*batch+others, consumers+others
	limit := most(1 << 10)
	said := tpl.Parameters["Consumers"].Description
	want := fmt.Sprintf("%d with the defaults and %d in mode direct, of %d that a db.t4g.micro takes.", steps, direct,
		limit-reserved)
	if !strings.Contains(said, want) {
		t.Errorf("Consumers is described by\n%s\nwithout\n%s", said, want)
	}
	alarm := int(number(t, "threshold", tpl.Resources["DatabaseCrowded"].Properties["Threshold"]))
	about := fmt.Sprint(tpl.Resources["DatabaseCrowded"].Properties["AlarmDescription"])
	if steps > alarm || alarm >= limit-reserved || !strings.Contains(about, strconv.Itoa(alarm)) ||
		!strings.Contains(about, strconv.Itoa(limit-reserved)) {
		t.Errorf("%d connections in the worst case, an alarm above %d (%s), and at most %d", steps, alarm, about,
			limit-reserved)
	}
}
