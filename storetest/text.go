package storetest

import "strings"

// field cuts the value of one column out of a line that BatchLines made. It is
// for the suite's own data, whose values hold no blanks.
func field(line, name string) string {
	for cell := range strings.SplitSeq(line, " ") {
		if v, ok := strings.CutPrefix(cell, name+"="); ok {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}
