package cli

import (
	"os"
	"regexp"
	"strings"

	"github.com/metaxy-go/metaxy/compose/config"
)

// bareStore makes a configuration of a store's URL.
func bareStore(url string) (*config.Config, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	url = strings.ReplaceAll(url, "$", "$$")
	if strings.ContainsAny(url, "'\n") {
		return nil, usagef("--store: a quote or a line's end in a URL")
	}
	cfg, err := config.Parse("--store", []byte("[stores.store]\nbackend = '"+url+"'\n"), here)
	if err != nil {
		return nil, ofURL(err)
	}
	return cfg, nil
}

// place is where a mistake is in the document that stands for the URL.
var place = regexp.MustCompile(`--store:\d+:\d+: (store store: |backend: )?`)

// ofURL takes out of an error the places in a document that nobody wrote.
func ofURL(err error) error {
	return &urlError{text: place.ReplaceAllString(err.Error(), "--store: "), err: err}
}

type urlError struct {
	text string
	err  error
}

func (e *urlError) Error() string { return e.text }
func (e *urlError) Unwrap() error { return e.err }
