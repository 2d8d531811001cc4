package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"warm-standby/probe"
)

// rehearsal is one run of an experiment under watch.
type rehearsal struct {
	*command
	fis      *fis.Client
	template string
	length   time.Duration // After which it is stopped. 0: it ends by itself.
	limit    time.Duration // The longest outage that is let go on.
	session  *probe.Session
	fault    time.Time // When the first action began; zero until then.
}

const (
	line       = "drill"          // The name of its lines among the targets'.
	callLimit  = 10 * time.Second // For one call of AWS, with its retries.
	stopsAfter = 5 * time.Minute  // For an experiment to end once it is told to.
)

// run watches before, during and after the experiment. Its error says why the
// experiment did not run to its end, or not as it should.
func (r *rehearsal) run(ctx context.Context) error {
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	watch.Go(func() { r.session.Watch(watching) })
	defer watch.Wait()
	defer end()

	if err := r.allWell(ctx); err != nil {
		return err
	}
	started, err := r.fis.StartExperiment(ctx, &fis.StartExperimentInput{ExperimentTemplateId: aws.String(r.template)})
	if err != nil {
		return fmt.Errorf("not started: %w", err)
	}
	id := aws.ToString(started.Experiment.Id)
	r.session.Note(time.Now(), line, "experiment "+id)
	if err := r.follow(ctx, id); err != nil {
		return err
	}
	_ = pause(ctx, r.after) // Ctrl-C ends it: all has been seen that one wanted to
	return nil
}

// allWell watches for a while and refuses to harm what is ill already.
func (r *rehearsal) allWell(ctx context.Context) error {
	wait := r.baseline
	for {
		if pause(ctx, wait) != nil {
			return errors.New("interrupted before the experiment was started")
		}
		states, seen := r.session.Now()
		for _, name := range slices.Sorted(maps.Keys(states)) {
			if state := states[name]; !state.Up() {
				return fmt.Errorf("not started: %s is %s", name, state)
			}
		}
		if seen {
			return nil
		}
		wait = r.poll // a first sample is still under way
	}
}

// follow looks at the experiment until it has ended, and stops it when it has
// to. While AWS does not answer it goes on: the experiment does so too.
func (r *rehearsal) follow(ctx context.Context, id string) error {
	var status types.ExperimentStatus
	var why error             // Why it is stopped, if not as planned.
	var stopped, trouble bool // Whether it has been told to stop; whether AWS's last answer was an error.
	var deadline time.Time    // For it to end, once it has to.
	for {
		experiment, err := r.look(ctx, id)
		if err != nil && !trouble {
			r.session.Note(time.Now(), line, "no word of the experiment: "+err.Error())
		}
		trouble = err != nil
		if err == nil && experiment.State.Status != status {
			status = experiment.State.Status
			r.session.Note(time.Now(), line, describe(experiment.State))
		}
		switch status {
		case types.ExperimentStatusCompleted:
			return why
		case types.ExperimentStatusStopped:
			if !stopped {
				why = fmt.Errorf("AWS FIS stopped the experiment: %s", aws.ToString(experiment.State.Reason))
			}
			return why
		case types.ExperimentStatusFailed, types.ExperimentStatusCancelled:
			return errors.Join(why, fmt.Errorf("the experiment has %s: %s", status, aws.ToString(experiment.State.Reason)))
		}
		if !stopped {
			var must bool
			if must, why = r.mustStop(ctx); must {
				if deadline.IsZero() {
					deadline = time.Now().Add(stopsAfter)
				}
				stopped = r.stop(ctx, id)
			}
		}
		if !deadline.IsZero() && time.Now().After(deadline) {
			return errors.Join(why, fmt.Errorf("experiment %s does not end: look at it in the AWS FIS console", id))
		}
		wake := ctx
		if ctx.Err() != nil {
			wake = context.WithoutCancel(ctx)
		}
		_ = pause(wake, r.poll)
	}
}

// look also notes when the fault began.
func (r *rehearsal) look(ctx context.Context, id string) (*types.Experiment, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	got, err := r.fis.GetExperiment(ctx, &fis.GetExperimentInput{Id: aws.String(id)})
	if err != nil {
		return nil, err
	}
	for _, action := range got.Experiment.Actions {
		if start := aws.ToTime(action.StartTime); !start.IsZero() && (r.fault.IsZero() || start.Before(r.fault)) {
			r.fault = start
		}
	}
	return got.Experiment, nil
}

// mustStop tells whether the experiment has to end now, and what is wrong if it
// was not meant to.
func (r *rehearsal) mustStop(ctx context.Context) (bool, error) {
	if ctx.Err() != nil {
		return true, errors.New("interrupted: the experiment was stopped")
	}
	if name, outage := r.session.Longest(); !outage.Over && outage.Length() > r.limit {
		return true, fmt.Errorf("the experiment was stopped: %s was down for more than %s", name, r.limit)
	}
	return r.length > 0 && !r.fault.IsZero() && time.Since(r.fault) >= r.length, nil
}

func (r *rehearsal) stop(ctx context.Context, id string) bool {
	r.session.Note(time.Now(), line, "stopping the experiment")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	_, err := r.fis.StopExperiment(ctx, &fis.StopExperimentInput{Id: aws.String(id)})
	if err != nil {
		r.session.Note(time.Now(), line, "not stopped yet: "+err.Error())
	}
	return err == nil
}

func describe(state *types.ExperimentState) string {
	if reason := aws.ToString(state.Reason); reason != "" {
		return fmt.Sprintf("%s: %s", state.Status, reason)
	}
	return string(state.Status)
}

// pause waits, or fails when ctx is done.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
