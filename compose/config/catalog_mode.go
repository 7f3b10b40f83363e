package config

import (
	"fmt"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// CatalogMode takes how versions are kept, keep=exact, filter or counts, out of
// a catalog's URL, for those who register one. The rest of the URL stays as it
// is; catalog.Exact where it says nothing.
func CatalogMode(url string) (rest string, mode catalog.Mode, err error) {
	rest, query, ok := strings.Cut(url, "?")
	if !ok {
		return url, catalog.Exact, nil
	}
	var other []string
	found := false
	for _, part := range strings.Split(query, "&") {
		value, ok := strings.CutPrefix(part, "keep=")
		if !ok {
			other = append(other, part)
			continue
		}
		known := false
		for m, name := range modeNames() {
			if name == value {
				mode, known = m, true
			}
		}
		if !known || found {
			return "", 0, fmt.Errorf("%w: the catalog's URL takes keep=exact, keep=filter or keep=counts", core.ErrInvalid)
		}
		found = true
	}
	if left := strings.Join(other, "&"); left != "" {
		rest += "?" + left
	}
	return rest, mode, nil
}

func modeNames() map[catalog.Mode]string {
	return map[catalog.Mode]string{catalog.Exact: "exact", catalog.Filter: "filter", catalog.Counts: "counts"}
}
