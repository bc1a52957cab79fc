package report

import (
	"io"
	"text/template"

	"bellhop/internal/results"
)

// markdown is a comparison as part of a document. Folder is the folder with the
// charts of [Charts], as seen from the document.
var markdown = template.Must(template.New("markdown").Parse(`{{range .Words}}- {{.}}
{{end}}
{{range .Charts}}![{{.Title}}]({{$.Folder}}/{{.File}})
{{end}}
| webhooks/s | of what the pool can serve | owners' p99 ÷ alone, inside the request | with a queue |
|---:|---:|---:|---:|
{{range .Claims}}| {{.Rate}} | {{.Share}} | {{.Inline}} | {{.Queued}} |
{{end}}
| webhooks/s | handled |{{range .Heads}} {{.}} |{{end}}
|---:|---|{{range .Heads}}---:|{{end}}
{{range .Rows}}| {{.Rate}} | {{.Mode}} |{{range .Cells}} {{.}} |{{end}}
{{end}}
{{range .Facts}}- **{{.Name}}:** {{.Value}}
{{end}}{{range .Troubles}}- **Mind:** {{.}}
{{end}}`))

type linked struct{ Title, File string }

// told is how many figures a document shows: the rest is in the results.
const told = 8

// Markdown writes a comparison for a document.
func Markdown(w io.Writer, c *results.Comparison, folder string) error {
	var charts []linked
	for _, f := range figures {
		if f.chart != "" {
			if _, err := f.draw(c).SVG(); err == nil {
				charts = append(charts, linked{f.chart, fileName(f.chart)})
			}
		}
	}
	lines := rows(c)
	for i := range lines {
		lines[i].Cells = lines[i].Cells[:told]
	}
	return markdown.Execute(w, map[string]any{"Words": c.Words(), "Charts": charts, "Folder": folder, "Claims": claims(c),
		"Heads": heads()[:told], "Rows": lines, "Facts": facts(c), "Troubles": troubles(c)})
}
