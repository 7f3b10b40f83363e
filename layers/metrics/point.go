package metrics

import dto "github.com/prometheus/client_model/go"

// point is one series of a gathered family, whose name lacks the prefix.
type point struct {
	*dto.Metric
	name string
}

func (p point) label(name string) string {
	for _, l := range p.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func (p point) value() int64 {
	if c := p.GetCounter(); c != nil {
		return int64(c.GetValue())
	}
	return int64(p.GetGauge().GetValue())
}

// into puts the series where it belongs in a snapshot.
func (p point) into(s *Snapshot) {
	switch {
	case p.label("cache") != "":
		c := s.Caches[p.label("cache")]
		p.intoCache(&c)
		s.Caches[p.label("cache")] = c
	case p.label("catalog") != "":
		d := s.Drift[p.label("catalog")]
		p.intoDrift(&d)
		s.Drift[p.label("catalog")] = d
	case p.label("feature") != "":
		f, ok := s.Features[p.label("feature")]
		if !ok {
			f = FeatureStats{Operations: map[string]int64{}, Rows: map[string]int64{}, Bytes: map[string]int64{}}
		}
		p.intoFeature(&f)
		s.Features[p.label("feature")] = f
	case p.name == "increment_samples_total":
		s.Increments.set(p.label("status"), p.value())
	case p.label("op") != "":
		o := s.Operations[p.label("op")]
		p.intoOp(&o)
		s.Operations[p.label("op")] = o
	}
}

func (p point) intoOp(o *OpStats) {
	switch p.name {
	case "operations_total":
		o.Count += p.value()
		setNonZero(o.Outcomes, p.label("outcome"), p.value())
	case "streams_total":
		setNonZero(o.Streams, p.label("outcome"), p.value())
	case "errors_total":
		setNonZero(o.Errors, p.label("class"), p.value())
	case "retries_total":
		if o.Retries == nil {
			o.Retries = map[string]int64{}
		}
		setNonZero(o.Retries, p.label("outcome"), p.value())
	case "operations_in_flight":
		o.InFlight = p.value()
	case "rows_total":
		o.Rows = p.value()
	case "bytes_total":
		o.Bytes = p.value()
	case "operation_duration_seconds":
		o.Latency = newLatency(p.GetHistogram())
	case "stream_duration_seconds":
		o.Stream = newLatency(p.GetHistogram())
	case "first_batch_seconds":
		o.FirstBatch = newLatency(p.GetHistogram())
	}
}

func (p point) intoFeature(f *FeatureStats) {
	switch p.name {
	case "feature_operations_total":
		f.Operations[p.label("op")] += p.value()
	case "feature_rows_total":
		setNonZero(f.Rows, p.label("op"), p.value())
	case "feature_bytes_total":
		setNonZero(f.Bytes, p.label("op"), p.value())
	case "feature_increment_samples":
		f.Last.set(p.label("status"), p.value())
	}
}

func (p point) intoCache(c *CacheNumbers) {
	switch p.name {
	case "cache_hits_total":
		c.Hits = p.value()
	case "cache_derived_hits_total":
		c.Derived = p.value()
	case "cache_negative_hits_total":
		c.Missing = p.value()
	case "cache_misses_total":
		c.Misses = p.value()
	case "cache_shared_misses_total":
		c.Shared = p.value()
	case "cache_too_large_total":
		c.TooLarge = p.value()
	case "cache_evictions_total":
		c.Evictions = p.value()
	case "cache_entries":
		c.Entries = int(p.value())
	case "cache_size_bytes":
		c.Bytes = p.value()
	}
	c.HitRatio = c.Ratio()
}

func (p point) intoDrift(d *Drift) {
	switch p.label("kind") {
	case "missing":
		d.Missing = p.value()
	case "extra":
		d.Extra = p.value()
	case "counts":
		d.Counts = p.value()
	case "stale":
		d.Stale = p.value()
	}
}

func (i *Increments) set(status string, n int64) {
	switch status {
	case "new":
		i.New = n
	case "stale":
		i.Stale = n
	case "orphaned":
		i.Orphaned = n
	case "unchanged":
		i.Unchanged = n
	case "missing":
		i.Missing = n
	}
}

func setNonZero(m map[string]int64, key string, n int64) {
	if n != 0 {
		m[key] = n
	}
}
