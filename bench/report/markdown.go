package report

import (
	"io"
	"text/template"

	"bellhop/internal/results"
)

// markdown is a comparison as a document. Folder is the folder with the charts of
// [Charts], as seen from the document, which shows 8 figures: the rest is in the results.
var markdown = template.Must(template.New("markdown").Parse(`# When a queue pays: orders in {{.Store}}, queue in {{.Queue}}

{{range .Words}}- {{.}}
{{end}}
{{range .Charts}}![{{.Title}}]({{$.Folder}}/{{.File}})
{{end}}
Owners' p99 ÷ alone:

| webhooks/s | of what the pool can serve |{{range .Modes}} {{.}} |{{end}}
|---:|---:|{{range .Modes}}---:|{{end}}
{{range .Claims}}| {{.Rate}} | {{.Share}} |{{range .Cells}} {{.}} |{{end}}
{{end}}{{if .Kills}}
Never recorded, and never pushed, of the acknowledged orders, when the process is killed midway:

| webhooks/s |{{range .Modes}} {{.}} |{{end}}
|---:|{{range .Modes}}---:|{{end}}
{{range .Kills}}| {{.Rate}} |{{range .Cells}} {{.}} |{{end}}
{{end}}{{end}}
| webhooks/s | handled |{{range slice .Heads 0 8}} {{.}} |{{end}}
|---:|---|{{range slice .Heads 0 8}}---:|{{end}}
{{range .Rows}}| {{.Rate}} | {{.Mode}} |{{range slice .Cells 0 8}} {{.}} |{{end}}
{{end}}
{{range .Facts}}- **{{.Name}}:** {{.Value}}
{{end}}{{range .Troubles}}- **Mind:** {{.}}
{{end}}`))

// Markdown writes a comparison as a document.
func Markdown(w io.Writer, c *results.Comparison, folder string) error {
	all := content(c)
	all["Folder"], all["Store"], all["Queue"] = folder, c.Settings.Store, c.Settings.Queue
	return markdown.Execute(w, all)
}
