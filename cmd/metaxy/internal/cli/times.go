package cli

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errTime = errors.New("want a time such as 2026-01-02 or 2026-01-02T03:04:05Z, or a span such as 90m, 12h or 7d")

// parseTime reads a date or a time, in UTC when it has no zone.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errTime
}

// parseSpan reads a span: Go's, and days.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errTime
	}
	return d, nil
}

// parsePast reads a time, or how long ago it was; "" is no time.
func parsePast(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := parseSpan(text); err == nil {
		return now.Add(-d), nil
	}
	return parseTime(text)
}

// parseFuture reads a time that is to come, or how long it is until then.
func parseFuture(text string, now time.Time) (time.Time, error) {
	t, err := parseTime(text)
	if d, spanned := parseSpan(text); spanned == nil {
		t, err = now.Add(d), nil
	}
	if err == nil && !now.Before(t) {
		err = errors.New("it is past")
	}
	return t.UTC().Truncate(time.Second), err
}
