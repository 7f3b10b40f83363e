// Package data is an index of two releases of OpenMoji, CC BY-SA 4.0: see
// ATTRIBUTION.md.
package data

import (
	"embed"
	"encoding/csv"
	"fmt"
)

//go:embed *.csv
var files embed.FS

// Release gives the columns of a release and its records, sorted by hexcode.
func Release(version string) (columns []string, records [][]string, err error) {
	name := "openmoji-" + version + ".csv"
	f, err := files.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return all[0], all[1:], nil
}
