package logging

import (
	"strconv"
	"strings"
)

// humanSize prints bytes for a reader, such as "2.3MB": decimal units, one
// digit after the point. The exact number stands beside it.
func humanSize(bytes int64) string {
	if bytes < 1000 {
		return strconv.FormatInt(bytes, 10) + "B"
	}
	value := float64(bytes)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		value /= 1000
		if value < 999.95 {
			return oneDigit(value) + unit
		}
	}
	return oneDigit(value/1000) + "PB"
}

func oneDigit(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}
