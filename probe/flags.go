package probe

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// Flags is what the commands that sample have in common.
type Flags struct {
	SLO      float64 // Monthly objective, in percent.
	interval time.Duration
	timeout  time.Duration
	samples  string
}

// minInterval keeps a machine that samples three targets below the web ACLs'
// default of 2000 requests in 5 minutes.
const minInterval = 500 * time.Millisecond

// Define adds the flags to a set.
func (f *Flags) Define(set *flag.FlagSet) {
	set.Float64Var(&f.SLO, "slo", 99.9, "monthly availability objective in `percent`, of whose error budget the downtime is taken")
	set.DurationVar(&f.interval, "interval", time.Second, "between two samples of a target")
	set.DurationVar(&f.timeout, "timeout", 5*time.Second, "deadline of one sample")
	set.StringVar(&f.samples, "samples", "", "`file` to write every sample to, a line of JSON each")
}

// Check tells what is wrong with the flags' values.
func (f *Flags) Check() error {
	switch {
	case f.interval < minInterval:
		return fmt.Errorf("-interval: want %s or more: firewalls block whoever asks too often (got %s)", minInterval, f.interval)
	case f.timeout <= 0:
		return fmt.Errorf("-timeout: want more than 0 (got %s)", f.timeout)
	case f.SLO <= 0 || f.SLO >= 100:
		return fmt.Errorf("-slo: want more than 0 and less than 100 percent (got %g)", f.SLO)
	}
	return nil
}

// Options is how the flags say to sample.
func (f *Flags) Options() Options { return Options{Interval: f.interval, Timeout: f.timeout} }

// OpenSamples is where samples go, nil if nowhere, and what closes it.
func (f *Flags) OpenSamples() (io.Writer, func() error, error) {
	if f.samples == "" {
		return nil, func() error { return nil }, nil
	}
	file, err := os.Create(f.samples)
	if err != nil {
		return nil, nil, fmt.Errorf("-samples: %w", err)
	}
	return file, file.Close, nil
}
