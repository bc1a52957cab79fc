// Package schema has the parts of Shopify's Admin schema that bellhop asks for, of each version that it
// may meet, so that tests hold the queries against it and the twin answers by it.
//
// testdata/trim.go cuts the files out of the introspection that Shopify publishes in the npm package
// @shopify/dev-mcp (ISC licence), version 1.16.0, as dist/data/admin_VERSION.json.gz:
//
//	npm pack @shopify/dev-mcp@1.16.0 && tar xzf shopify-dev-mcp-1.16.0.tgz
//	go run testdata/trim.go package/dist/data/admin_2026-10.json.gz > 2026-10.graphql
package schema

import (
	"embed"
	"io/fs"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"bellhop"
)

//go:embed *.graphql
var files embed.FS

// Versions are those that there is a schema of, the newest first.
func Versions() (all []string) {
	names, err := fs.Glob(files, "*.graphql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	for _, name := range names {
		all = append(all, strings.TrimSuffix(name, ".graphql"))
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

// Load returns the schema of a version.
func Load(version string) (*ast.Schema, error) {
	if !slices.Contains(Versions(), version) {
		return nil, bellhop.Invalidf("api_version", "there is no schema of %q: give one of %s",
			bellhop.Clip(version, 20), strings.Join(Versions(), ", "))
	}
	text, err := files.ReadFile(version + ".graphql")
	if err != nil {
		return nil, err
	}
	return gqlparser.LoadSchema(&ast.Source{Name: version + ".graphql", Input: string(text)})
}
