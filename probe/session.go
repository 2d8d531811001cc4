package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Session watches targets together. It prints a line for each change of a
// target's state as it is seen, and a report of each at the end.
type Session struct {
	out     io.Writer
	samples io.Writer // JSON lines. Nil: none.
	options Options
	width   int // Of the longest name.

	mu      sync.Mutex
	reports []*Report
	err     error // The first write that failed.
}

// NewSession prepares a session over targets, whose names should differ. Samples
// are also written to samples, a line of JSON each, unless that is nil.
func NewSession(targets []Target, options Options, out, samples io.Writer) *Session {
	s := &Session{out: out, samples: samples, options: options}
	for _, target := range targets {
		s.width = max(s.width, len(target.Name))
		s.reports = append(s.reports, &Report{Target: target, interval: options.Interval})
	}
	return s
}

// Watch samples all targets until ctx is done.
func (s *Session) Watch(ctx context.Context) {
	var group sync.WaitGroup
	for _, report := range s.reports {
		group.Go(func() {
			newWatcher(report.Target, s.options).watch(ctx, func(sample Sample) { s.see(report, sample) })
		})
	}
	group.Wait()
}

func (s *Session) see(report *Report, sample Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.samples != nil {
		s.keep(json.NewEncoder(s.samples).Encode(sample))
	}
	if !report.add(sample) {
		return
	}
	text := sample.String()
	if sample.Address != "" {
		text += "  " + sample.Address
	} else if len(sample.Resolved) > 0 {
		text += "  " + strings.Join(sample.Resolved, " ")
	}
	s.line(sample.At, report.Target.Name, text)
}

// Note prints a line of something else that happened, among those of the targets.
func (s *Session) Note(at time.Time, name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line(at, name, text)
}

func (s *Session) line(at time.Time, name, text string) {
	_, err := fmt.Fprintf(s.out, "%s  %-*s  %s\n", clock(at), s.width, name, text)
	s.keep(err)
}

func (s *Session) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Now is the last known state of each target, by name; seen tells whether there
// is one of all of them.
func (s *Session) Now() (states map[string]State, seen bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states = map[string]State{}
	for _, report := range s.reports {
		if n := len(report.Spans); n > 0 {
			states[report.Target.Name] = report.Spans[n-1].State
		}
	}
	return states, len(states) == len(s.reports)
}

// Longest is the longest outage of any target, so far, and the target's name.
func (s *Session) Longest() (name string, outage Outage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, report := range s.reports {
		if longest := report.Longest(); longest.Length() > outage.Length() {
			name, outage = report.Target.Name, longest
		}
	}
	return name, outage
}

// CheckOutages is an error if any target was down for longer than limit.
func (s *Session) CheckOutages(limit time.Duration) error {
	if name, outage := s.Longest(); outage.Length() > limit {
		return fmt.Errorf("%s was down for %s, more than %s", name, outage.Length().Round(time.Second), limit)
	}
	return nil
}

// Report prints each target's timeline and summary. The error budget is that of
// slo, percent of a Month; times count from fault unless that is zero. Call it
// when Watch has returned.
func (s *Session) Report(slo float64, fault time.Time) error {
	for _, report := range s.reports {
		if report.Samples > 0 {
			s.keep(report.write(s.out, slo, fault))
		}
	}
	return s.err
}
