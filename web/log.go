package web

import (
	"log/slog"
	"net/http"
)

func LoggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// LogChange logs that an operator, or an operator's token, changed something: what they do in shops that are not theirs
// must be seen. The path names what it was; a query or a form may have personal data. Others' changes are not logged.
func LogChange(l *slog.Logger, r *http.Request, who Principal, shop string) {
	if !who.Operator() || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return
	}
	l.InfoContext(r.Context(), "an operator changed something", "method", r.Method, "path", r.URL.Path, "shop", shop,
		"person", who.Person.ID, "token", who.Token.ID)
}
