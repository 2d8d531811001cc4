package probe

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what the samples of one target add up to. Times are those of the
// samples' starts: an outage lasts from the first that failed to the next that
// did not, and is known to an interval.
type Report struct {
	Target  Target
	Samples int
	Failed  int
	Spans   []Span
	Outages []Outage

	interval  time.Duration
	latencies []time.Duration // Of good answers.
	addresses []string        // What DNS answered while all was well.
}

// Span is a time in which the state was the same.
type Span struct {
	From    time.Time
	To      time.Time // The next span's start; of the last, an interval after its last sample.
	State   State
	Address string // Of its first sample.
}

// Outage is a time without a good answer.
type Outage struct {
	From  time.Time
	To    time.Time // As a Span's.
	Moved time.Time // When DNS first answered with none of the addresses it had given before. Zero: it did not.
	Over  bool      // Whether a good answer followed.
}

// Length is how long the outage lasted, or has lasted so far.
func (o Outage) Length() time.Duration { return o.To.Sub(o.From) }

// add takes in the next sample and tells whether the state has changed.
func (r *Report) add(s Sample) (changed bool) {
	r.Samples++
	end := s.At.Add(r.interval)
	last := len(r.Spans) - 1
	changed = last < 0 || r.Spans[last].State != s.State
	if last >= 0 {
		r.Spans[last].To = s.At
	}
	if changed {
		r.Spans = append(r.Spans, Span{From: s.At, State: s.State, Address: s.Address})
		last++
	}
	r.Spans[last].To = end

	if !s.Up() {
		r.Failed++
		if r.outage() == nil {
			r.Outages = append(r.Outages, Outage{From: s.At})
		}
	}
	if down := r.outage(); down != nil {
		down.To, down.Over = end, s.Up()
		if down.Over {
			down.To = s.At
		}
		if down.Moved.IsZero() && r.moved(s) {
			down.Moved = s.At
		}
	}
	if s.Up() {
		r.latencies = append(r.latencies, s.Latency)
		if len(s.Resolved) > 0 {
			r.addresses = s.Resolved
		}
	}
	return changed
}

// moved tells whether DNS has answered with other addresses than when all was well.
func (r *Report) moved(s Sample) bool {
	return len(s.Resolved) > 0 && len(r.addresses) > 0 &&
		!slices.ContainsFunc(s.Resolved, func(address string) bool { return slices.Contains(r.addresses, address) })
}

// outage is the one that is not over, if any.
func (r *Report) outage() *Outage {
	if last := len(r.Outages) - 1; last >= 0 && !r.Outages[last].Over {
		return &r.Outages[last]
	}
	return nil
}

// Longest is the longest outage, so far; zero if there was none.
func (r *Report) Longest() Outage {
	if len(r.Outages) == 0 {
		return Outage{}
	}
	return slices.MaxFunc(r.Outages, func(a, b Outage) int { return cmp.Compare(a.Length(), b.Length()) })
}

// Availability is the part of the samples that had a good answer, in percent.
func (r *Report) Availability() float64 {
	return 100 * float64(r.Samples-r.Failed) / float64(max(r.Samples, 1))
}

// Downtime is the length of all outages together.
func (r *Report) Downtime() time.Duration {
	var sum time.Duration
	for _, outage := range r.Outages {
		sum += outage.Length()
	}
	return sum
}

// Latency is the percentile (nearest rank) of the good answers' latencies.
func (r *Report) Latency(percentile float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.latencies))
	rank := int(math.Ceil(percentile / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// Month is what a monthly objective is taken of.
const Month = 30 * 24 * time.Hour

// budget is the downtime that an objective, in percent, leaves a month.
func budget(slo float64) time.Duration {
	return time.Duration((1 - slo/100) * float64(Month)).Round(time.Second)
}

// write prints the timeline and the summary. Since is what times to detect and to
// recover count from: the fault, if that is known, else each outage's start.
func (r *Report) write(w io.Writer, slo float64, fault time.Time) error {
	fmt.Fprintf(w, "\n%s  %s\n", r.Target.Name, r.Target.URL) //nolint:errcheck // the last write reports it
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(table, "  "+strings.Join(cells, "\t")) } //nolint:errcheck // Flush reports it
	for _, span := range r.Spans {
		cells := []string{clock(span.From), short(span.To.Sub(span.From)), span.State.String(), span.Address}
		if !fault.IsZero() {
			cells = slices.Insert(cells, 1, fmt.Sprintf("%+.0fs", span.From.Sub(fault).Seconds()))
		}
		row(cells...)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	row("availability", fmt.Sprintf("%.3f %%: %d of %d samples", r.Availability(), r.Samples-r.Failed, r.Samples))
	row("outages", r.outages())
	if longest := r.Longest(); longest.Length() > 0 {
		row("detected", since(longest.Moved, longest.From, fault, "DNS gave other addresses", "DNS gave no other addresses meanwhile"))
		recovered := longest.To
		if !longest.Over {
			recovered = time.Time{}
		}
		row("recovered", since(recovered, longest.From, fault, "good answers again", "not yet"))
	}
	total := budget(slo)
	row("error budget", fmt.Sprintf("%s of %s a month at %g %%: %.1f %%", short(r.Downtime()), total, slo, 100*r.Downtime().Seconds()/total.Seconds()))
	if len(r.latencies) > 0 {
		row("latency", fmt.Sprintf("p50 %s, p95 %s, p99 %s, most %s", brief(r.Latency(50)), brief(r.Latency(95)), brief(r.Latency(99)), brief(r.Latency(100))))
	}
	return table.Flush()
}

func (r *Report) outages() string {
	if len(r.Outages) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, the longest %s from %s", len(r.Outages), short(r.Longest().Length()), clock(r.Longest().From))
}

// since words how long after the fault, or else the outage's start, something
// was seen.
func since(seen, start, fault time.Time, what, never string) string {
	if seen.IsZero() {
		return never
	}
	from, name := start, "the first failure"
	if !fault.IsZero() {
		from, name = fault, "the fault"
	}
	return fmt.Sprintf("%s after %s: %s", short(seen.Sub(from)), name, what)
}

// clock is the time of day, in UTC as AWS's logs are.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func short(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

func brief(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
