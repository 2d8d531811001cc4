package cloudassembly

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want string) {
		t.Helper()
		if _, err := Read(folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	refused("manifest.json")
	write("manifest.json", `{`)
	refused("manifest.json")
	write("manifest.json", `{"missing": [{"key": "availability-zones:us-east-1"}]}`)
	refused("availability-zones:us-east-1 would have to be looked up")
	write("manifest.json", `{"artifacts": {
		"Front": {"type": "aws:cloudformation:stack", "environment": "aws://111122223333/us-east-1", "dependencies": ["East", "West"],
			"properties": {"templateFile": "front.json", "stackName": "books-global", "tags": {"stack-role": "global"}}},
		"West": {"type": "aws:cloudformation:stack", "environment": "aws://111122223333/us-west-2", "dependencies": ["East"],
			"properties": {"templateFile": "west.json", "tags": {"stack-role": "regional"}}},
		"East": {"type": "aws:cloudformation:stack", "environment": "aws://111122223333/us-east-1",
			"properties": {"templateFile": "east.json", "tags": {"stack-role": "regional"}}},
		"Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}}`)
	write("east.json", `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "books"}}}}`)
	write("west.json", `{`)
	refused("front.json")
	write("front.json", `{"Resources": {}}`)

	stacks, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range stacks {
		got = append(got, s.Name+" "+s.Region+" "+s.Role)
	}
	if want := []string{"East us-east-1 regional", "West us-west-2 regional", "books-global us-east-1 global"}; !slices.Equal(got, want) {
		t.Fatalf("want %q, got %q", want, got)
	}
	resources, err := stacks[0].Resources()
	if topic := resources["Topic"]; err != nil || len(resources) != 1 || topic.Type != "AWS::SNS::Topic" || string(topic.Properties) != `{"DisplayName": "books"}` {
		t.Errorf("want the topic with its properties, got %s, %v", topic, err)
	}
	if _, err := stacks[1].Resources(); err == nil || !strings.Contains(err.Error(), "West") {
		t.Errorf("want the stack of the broken template named, got %v", err)
	}
}

func TestPrimaryRegion(t *testing.T) {
	global := func(records string) []Stack {
		return []Stack{
			{Name: "books-us-east-1", Template: []byte(`{"Resources": {}}`)},
			{Name: "books-global", Template: []byte(`{"Resources": {"Records": {"Type": "AWS::Route53::RecordSetGroup", "Properties": {"RecordSets": ` + records + `}}}}`)},
		}
	}
	for _, tt := range []struct{ name, records, want, wantErr string }{
		{"the one that writes", `[{"Type": "A", "Failover": "PRIMARY"}, {"Type": "TXT", "Failover": "SECONDARY", "ResourceRecords": ["\"us-west-2\""]}, {"Type": "TXT", "Failover": "PRIMARY", "ResourceRecords": ["\"us-east-1\""]}]`, "us-east-1", ""},
		{"nobody", `[{"Type": "A", "Failover": "PRIMARY"}]`, "", "no record names the primary"},
		{"something else", `{}`, "", "books-global: Records: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := PrimaryRegion(global(tt.records))
			if got != tt.want || (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("want %q and an error with %q, got %q, %v", tt.want, tt.wantErr, got, err)
			}
		})
	}
}
