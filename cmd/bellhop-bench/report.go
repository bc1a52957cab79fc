package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bellhop"
	"bellhop/bench/report"
	"bellhop/chart"
	"bellhop/internal/results"
)

type reportCmd struct {
	Results string `arg:"" name:"results.json" help:"The results of bellhop-bench compare."`
	Out     string `name:"out" default:"report.html" placeholder:"FILE" help:"Where to write the report; - is the standard output (${default})."`
	Charts  string `name:"charts" placeholder:"DIR" help:"Also write each chart to a file in this folder, for a document."`
	Doc     string `name:"markdown" placeholder:"FILE" help:"Also write a Markdown document."`
}

// Help implements kong.HelpProvider.
func (reportCmd) Help() string {
	return `Draws the report of a comparison again, from its results.

Example:

  bellhop-bench report results.json --out report.html`
}

// Run implements the command.
func (c *reportCmd) Run(j *job) error {
	r, err := readComparison(c.Results)
	if err != nil {
		return err
	}
	if c.Charts != "" {
		if err := writeCharts(c.Charts, r); err != nil {
			return err
		}
	}
	if c.Doc != "" {
		if err := writeDocument(c.Doc, c.Charts, r); err != nil {
			return err
		}
	}
	if c.Out == "-" {
		return report.HTML(j.out, r)
	}
	return writeReport(c.Out, r)
}

type diffCmd struct {
	JSON bool   `name:"json" help:"Print JSON instead of a table."`
	A    string `arg:"" name:"a.json" help:"The results of one comparison."`
	B    string `arg:"" name:"b.json" help:"The results of another comparison."`
}

// Help implements kong.HelpProvider.
func (diffCmd) Help() string {
	return `Compares two results of bellhop-bench compare, at the rates that are in both.

Example:

  bellhop-bench diff before/results.json after/results.json`
}

// Run implements the command.
func (c *diffCmd) Run(j *job) error {
	a, err := readComparison(c.A)
	if err != nil {
		return err
	}
	b, err := readComparison(c.B)
	if err != nil {
		return err
	}
	unlike, differences := report.Unlike(a, b), report.Diff(a, b)
	var rows [][]string
	for _, d := range differences {
		rows = append(rows, d.Row())
	}
	if c.JSON {
		return j.json(map[string]any{"unlike": unlike, "differences": differences})
	}
	for _, s := range unlike {
		j.say("%s", s)
	}
	if len(rows) == 0 {
		j.say("They have no rate in common.")
		return nil
	}
	return j.table(report.DiffHead, rows)
}

func writeReport(path string, r *results.Comparison) error {
	return writeFile(path, "report", func(w io.Writer) error { return report.HTML(w, r) })
}

func writeDocument(path, charts string, r *results.Comparison) error {
	folder, err := filepath.Rel(filepath.Dir(path), charts)
	if charts == "" || err != nil {
		return bellhop.Invalidf("report", "--markdown links charts: give --charts, a folder that can be reached from it")
	}
	return writeFile(path, "report", func(w io.Writer) error { return report.Markdown(w, r, filepath.ToSlash(folder)) })
}

func writeCharts(dir string, r *results.Comparison) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("make the folder of the charts: %w", err)
	}
	for name, c := range report.Charts(r) {
		if _, err := c.SVG(); err != nil {
			continue // no values
		}
		if err := writeChart(filepath.Join(dir, name), c); err != nil {
			return err
		}
	}
	return nil
}

func writeChart(path string, c chart.Chart) error {
	svg, err := c.File()
	if err != nil {
		return err
	}
	return writeFile(path, "chart", func(w io.Writer) error { _, err := w.Write(svg); return err })
}

func readComparison(path string) (*results.Comparison, error) {
	return readFrom(path, "the results.json that bellhop-bench compare wrote", results.ReadComparison)
}

// readFrom reads a file that the user must name; wanted says which.
func readFrom[T any](path, wanted string, read func(io.Reader) (T, error)) (none T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return none, &bellhop.Error{Kind: bellhop.Invalid, Code: "file", Cause: err,
			Message: fmt.Sprintf("%s can't be read: give %s", path, wanted)}
	}
	defer f.Close()
	return read(f)
}
