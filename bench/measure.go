package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
)

// contender is one of several ways to the same answer.
type contender struct {
	name  string
	run   func() error // what is timed
	setup func() error // before each round, not timed; may be nil
}

// race times the contenders in turn, each round in another order, so that
// whatever slows the machine down meets all of them alike. It returns the
// times of each contender.
func race(rounds int, contenders []contender) ([][]time.Duration, error) {
	times := make([][]time.Duration, len(contenders))
	for round := range rounds {
		for turn := range contenders {
			at := (turn + round) % len(contenders)
			c := contenders[at]
			if c.setup != nil {
				if err := c.setup(); err != nil {
					return nil, fmt.Errorf("%s: %w", c.name, err)
				}
			}
			debug.FreeOSMemory()
			began := time.Now()
			err := c.run()
			took := time.Since(began)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			times[at] = append(times[at], took)
		}
	}
	return times, nil
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	s := slices.Clone(times)
	slices.Sort(s)
	mid := len(s) / 2
	if len(s)%2 == 0 {
		return (s[mid-1] + s[mid]) / 2
	}
	return s[mid]
}

// ratio is the median of the rounds' ratios: both of a round met the same
// machine.
func ratio(a, b []time.Duration) float64 {
	var rs []float64
	for i := range min(len(a), len(b)) {
		rs = append(rs, float64(a[i])/float64(b[i]))
	}
	if len(rs) == 0 {
		return 0
	}
	slices.Sort(rs)
	mid := len(rs) / 2
	if len(rs)%2 == 0 {
		return (rs[mid-1] + rs[mid]) / 2
	}
	return rs[mid]
}

// copyFile gives each round a file of its own.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		dst.Close()
		return err
	}
	return dst.Close()
}

func ms(d time.Duration) string {
	switch v := float64(d) / float64(time.Millisecond); {
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	case v < 1000:
		return fmt.Sprintf("%.0f ms", v)
	default:
		return fmt.Sprintf("%.2f s", v/1000)
	}
}

// count prints n as people write it: 10 k, 1 M.
func count(n int64) string {
	switch {
	case n >= 1_000_000 && n%100_000 == 0:
		return fmt.Sprintf("%g M", float64(n)/1e6)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%d k", n/1000)
	}
	return fmt.Sprint(n)
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }

func machine() string {
	return fmt.Sprintf("%s %s/%s, %d CPUs", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// busy says how much else the machine had to do when the run began, "" when
// that was little or the system does not tell. On a busy machine even ratios
// are guesses.
func busy() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	var load float64
	if _, err := fmt.Sscan(string(text), &load); err != nil || load < float64(runtime.NumCPU())/4 {
		return ""
	}
	return fmt.Sprintf("The machine was busy when the run began (load %.1f on %d CPUs): take these numbers with care.", load, runtime.NumCPU())
}

// processorTime is what this process has used so far, on all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
