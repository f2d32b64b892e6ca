package main

import (
	"bytes"
	"context"
	"time"

	"github.com/killick-dev/killick/internal/report"
)

// auditSlot is how often Killick asks the server about a sample of what it
// believes to be in sync (drift.AuditSince): a 48th of the objects at a time.
const (
	auditSlot  = 5 * time.Minute
	auditShare = 48
)

// auditAttempts bounds how often a run that asked about more than one sample is
// measured again.
const auditAttempts = 3

// audit measures the run that has a sample to ask about, which one that skips
// everything has not. The other rounds follow each other within seconds, so it is
// waited for. One round, of exactly one sample, or none: then the row is left out.
func (b *bench) audit(ctx context.Context, s *stage) ([]row, error) {
	t := killickMemo(s)
	t.name = nameAudit
	if !s.trust.run || !b.wants(t) {
		return nil, nil
	}
	var r row
	run := func() (time.Time, error) {
		one, result, err := s.measure(ctx, t)
		if err != nil {
			return time.Time{}, err
		}
		r = row{tool: t.name, objects: len(s.sets[t.set].entries), samples: []sample{one}}
		if err := r.judge(s, t, result, nil); err != nil {
			return time.Time{}, err
		}
		said, err := report.Read(bytes.NewReader(result.stdout))
		return said.Run.Started, err
	}
	wait := func(until time.Time) error {
		b.sayf("  waiting %s for the next audit", time.Until(until).Round(time.Second))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(until)):
			return nil
		}
	}
	// The peers took their time: what was due meanwhile is asked about first.
	last, err := run()
	if err != nil {
		return nil, err
	}
	found, err := runOneSlot(last, wait, run)
	if err != nil {
		return nil, err
	}
	if !found {
		b.sayf("  %s: left out, as no run began in the slot after the one before it", t.name)
		return nil, nil
	}
	return []row{r}, nil
}

// runOneSlot runs until a run had one slot due: it began in the slot after the one
// in which the run before it began. Killick counts from the beginning of a run, too,
// so that it does not matter whether that run ended in another slot.
func runOneSlot(last time.Time, wait func(until time.Time) error, run func() (began time.Time, err error)) (found bool, err error) {
	for range auditAttempts {
		if err := wait(slotAfter(last)); err != nil {
			return false, err
		}
		began, err := run()
		if err != nil {
			return false, err
		}
		if slotsDue(last, began) == 1 {
			return true, nil
		}
		last = began
	}
	return false, nil
}

// slotAfter is when the next slot has surely begun.
func slotAfter(at time.Time) time.Time { return at.Truncate(auditSlot).Add(auditSlot + time.Second) }

// slotsDue counts as drift.AuditSince does.
func slotsDue(last, now time.Time) int64 {
	slot := func(at time.Time) int64 { return at.Unix() / int64(auditSlot/time.Second) }
	return slot(now) - slot(last)
}
