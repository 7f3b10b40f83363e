package cli

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/schollz/progressbar/v3"

	"github.com/metaxy-go/metaxy/core"
)

// progress shows how far long work is, on a terminal.
type progress struct{ bar *progressbar.ProgressBar }

// progress begins; a total of -1 is unknown. Off a terminal nothing is shown.
func (a *app) progress(what string, total int64, opts ...progressbar.Option) *progress {
	if a.quiet || !a.tty {
		return &progress{}
	}
	opts = append([]progressbar.Option{
		progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30),
		progressbar.OptionSetElapsedTime(true), progressbar.OptionEnableColorCodes(false), progressbar.OptionSpinnerType(14),
	}, opts...)
	return &progress{bar: progressbar.NewOptions64(total, opts...)}
}

// add moves on; the bar's own errors are of no consequence.
func (p *progress) add(n int64) {
	if p.bar != nil {
		_ = p.bar.Add64(n)
	}
}

// at says how far it is, of how much.
func (p *progress) at(done, total int64) {
	if p.bar != nil {
		p.bar.ChangeMax64(total)
		_ = p.bar.Set64(done)
	}
}

func (p *progress) describe(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

// done clears the bar; it is idempotent.
func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
		_ = p.bar.Clear()
		p.bar = nil
	}
}

// rows counts rows as they pass.
func (p *progress) rows(rows core.Rows) core.Rows {
	all := rows.All()
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range all {
			if err == nil {
				p.add(b.NumRows())
			}
			if !yield(b, err) {
				return
			}
		}
	}
	return rows
}
