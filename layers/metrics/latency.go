package metrics

import (
	"math"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
)

// Latency sums up a distribution of times, in seconds. Quantiles are estimated
// from buckets: from native ones within 5 percent.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_seconds"`
	P50   float64 `json:"p50_seconds"`
	P90   float64 `json:"p90_seconds"`
	P99   float64 `json:"p99_seconds"`

	sum     float64
	buckets []bucket // ascending, without those that are empty
}

// bucket counts the values above lower and up to upper.
type bucket struct {
	lower, upper float64
	count        int64
}

func newLatency(h *dto.Histogram) Latency {
	if h == nil {
		return Latency{}
	}
	l := Latency{Count: int64(h.GetSampleCount()), sum: h.GetSampleSum()}
	if len(h.GetPositiveSpan()) > 0 || h.GetZeroCount() > 0 {
		l.buckets = nativeBuckets(h)
	} else {
		l.buckets = classicBuckets(h)
	}
	l.estimate()
	return l
}

func classicBuckets(h *dto.Histogram) []bucket {
	var out []bucket
	lower, below := 0.0, int64(0)
	for _, b := range h.GetBucket() {
		upper, n := b.GetUpperBound(), int64(b.GetCumulativeCount())
		if n > below {
			out = append(out, bucket{lower, upper, n - below})
		}
		lower, below = upper, n
	}
	if rest := int64(h.GetSampleCount()) - below; rest > 0 {
		out = append(out, bucket{lower, math.Inf(1), rest})
	}
	return out
}

// nativeBuckets decodes spans of indices and differences of counts: the bucket
// with index i ends at base^i, where base is 2^(2^-schema).
func nativeBuckets(h *dto.Histogram) []bucket {
	var out []bucket
	if n := int64(h.GetZeroCount()); n > 0 {
		out = append(out, bucket{0, h.GetZeroThreshold(), n})
	}
	step := math.Exp2(-float64(h.GetSchema()))
	index, at, count := int32(0), 0, int64(0)
	for _, span := range h.GetPositiveSpan() {
		index += span.GetOffset()
		for range span.GetLength() {
			if at >= len(h.GetPositiveDelta()) {
				return out
			}
			count += h.GetPositiveDelta()[at]
			at++
			if count > 0 {
				out = append(out, bucket{math.Exp2(float64(index-1) * step), math.Exp2(float64(index) * step), count})
			}
			index++
		}
	}
	return out
}

func (l *Latency) estimate() {
	l.Mean, l.P50, l.P90, l.P99 = 0, 0, 0, 0
	if l.Count == 0 {
		return
	}
	l.Mean = round(l.sum / float64(l.Count))
	l.P50, l.P90, l.P99 = round(l.quantile(.5)), round(l.quantile(.9)), round(l.quantile(.99))
}

// round keeps four digits: an estimate has no more.
func round(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64)
	if err != nil {
		return x
	}
	return y
}

// quantile interpolates within the bucket that holds the q-th value. What is
// beyond the last bound is as large as that bound.
func (l *Latency) quantile(q float64) float64 {
	var all int64
	for _, b := range l.buckets {
		all += b.count
	}
	rank := q * float64(all)
	for _, b := range l.buckets {
		if rank > float64(b.count) {
			rank -= float64(b.count)
			continue
		}
		if math.IsInf(b.upper, 1) {
			return b.lower
		}
		return b.lower + (b.upper-b.lower)*rank/float64(b.count)
	}
	return 0
}

// sub takes away what prev counted. A native histogram may have become coarser
// in between; its buckets then contain the earlier ones.
func (l Latency) sub(prev Latency) Latency {
	if prev.Count > l.Count || prev.Count == 0 {
		return l
	}
	out := Latency{Count: l.Count - prev.Count, sum: l.sum - prev.sum}
	if len(prev.buckets) == 0 { // from JSON
		out.sum = l.sum - prev.Mean*float64(prev.Count)
		out.estimate()
		return out
	}
	out.buckets = slices.Clone(l.buckets)
	for _, b := range prev.buckets {
		i, _ := slices.BinarySearchFunc(out.buckets, b.upper, func(c bucket, upper float64) int { return compareBounds(c.upper, upper) })
		if i < len(out.buckets) {
			out.buckets[i].count = max(out.buckets[i].count-b.count, 0)
		}
	}
	out.buckets = slices.DeleteFunc(out.buckets, func(b bucket) bool { return b.count == 0 })
	out.estimate()
	return out
}

// compareBounds compares bounds, which arithmetic may leave a little apart.
func compareBounds(a, b float64) int {
	switch {
	case a == b || math.Abs(a-b) <= 1e-9*math.Abs(b):
		return 0
	case a < b:
		return -1
	}
	return 1
}
