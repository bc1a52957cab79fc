package web

// Page tells a person something, in words of the catalogue. The console draws it, also for the
// folders beside it.
type Page struct {
	Status int
	Title  string // an id of the catalogue; so are Words and Button
	Words  string
	Values []any  // pairs that are put into the words
	Link   string // where a button leads; "" for none
	Button string
}
