package logging

import (
	"math"
	"testing"
)

func TestHumanSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0B", 999: "999B", 1000: "1kB", 1049: "1kB", 1051: "1.1kB", 2_312_000: "2.3MB", 999_949: "999.9kB", 999_950: "1MB",
		256_000_000: "256MB", 1_500_000_000: "1.5GB", 7e12: "7TB", math.MaxInt64: "9223.4PB",
	} {
		if got := humanSize(bytes); got != want {
			t.Errorf("%d: %s, want %s", bytes, got, want)
		}
	}
}
