package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/killick-dev/killick/internal/decide"
	"github.com/killick-dev/killick/internal/drift"
)

// objects judges what an app wants, several at once; each has its own slot. What
// cannot be judged is Unknown or alert-only in its step.
func (c court) objects(ctx context.Context, a app, seen drift.Seen) ([]drift.Step, silenced) {
	steps := make([]drift.Step, len(a.objects))
	cuts := newCuts(a.silenced)
	group := errgroup.Group{}
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, object := range a.objects {
		group.Go(func() error {
			b := a
			b.silenced = cuts.before(i)
			steps[i] = c.object(ctx, b, object, seen.Objects[i])
			cuts.add(i, steps[i])
			return nil
		})
	}
	_ = group.Wait() // every failure stands in its step
	// In what order they were judged is chance, and whether an area was cut off
	// before must not be: those that saw too little or too much are judged again.
	silenced := a.silenced
	for i, object := range a.objects {
		if !silenced.agrees(steps[i], c.Policies.Speakers(object.ID.Namespace)) {
			b := a
			b.silenced = silenced
			steps[i] = c.object(ctx, b, object, seen.Objects[i])
		}
		silenced = silenced.with(steps[i])
	}
	return steps, silenced
}

// judged adds one step.
func (a app) judged(step drift.Step) app {
	a.steps, a.silenced = append(a.steps, step), a.silenced.with(step)
	return a
}

// silenced are the areas of which a rule was cut off in this run, with the object
// about which. They are not asked again: each answer would cost as much. What they
// would have vetoed is not known, so that whatever they speak for and comes later is
// alert-only. It is never changed.
type silenced map[string]silence

// silence is why an area is not asked any more.
type silence struct {
	area  string
	about drift.ID
	cause error
}

func (s *silence) Error() string {
	return fmt.Sprintf("area %s is not asked again in this run, since about %s: %v", s.area, s.about.Short(), s.cause)
}

func (s *silence) Unwrap() error { return s.cause }

// among is why an object cannot be decided about for which these areas speak, or
// nil. The areas are sorted.
func (s silenced) among(speakers []string) error {
	for _, area := range speakers {
		if one, ok := s[area]; ok {
			return &one
		}
	}
	return nil
}

// with adds the area that was cut off about a step's object.
func (s silenced) with(step drift.Step) silenced {
	one, cut := silenceOf(step)
	if !cut {
		return s
	}
	all := silenced{}
	maps.Copy(all, s)
	all[one.area] = one
	return all
}

// silenceOf is the area that was cut off about a step's own object.
func silenceOf(step drift.Step) (silence, bool) {
	var cut *drift.CutOff
	if again := (*silence)(nil); errors.As(step.Decision.Err, &again) || !errors.As(step.Decision.Err, &cut) {
		return silence{}, false
	}
	return silence{area: cut.Area, about: step.Change.ID, cause: step.Decision.Err}, true
}

// agrees says whether a step was decided as it is when these areas are silenced and
// no other.
func (s silenced) agrees(step drift.Step, speakers []string) bool {
	var was *silence
	errors.As(step.Decision.Err, &was)
	var now *silence
	errors.As(s.among(speakers), &now)
	if was == nil || now == nil {
		return was == now || step.Decision.Err == nil && !decided(step)
	}
	return was.area == now.area && was.about == now.about
}

// decided says whether policy had a say in a step.
func decided(step drift.Step) bool {
	return asked(step.Change, decide.Facts{Incomplete: step.Observation.Incomplete})
}

// cuts are the areas that were cut off while objects are judged several at once, by
// the place of the object in its app.
type cuts struct {
	mu    sync.Mutex
	base  silenced
	first map[string]int
	about map[string]silence
}

func newCuts(base silenced) *cuts {
	return &cuts{base: base, first: map[string]int{}, about: map[string]silence{}}
}

// before are the areas known to be silenced when the object at a place is judged.
func (c *cuts) before(place int) silenced {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.first) == 0 {
		return c.base
	}
	all := silenced{}
	maps.Copy(all, c.base)
	for area, at := range c.first {
		if at < place {
			all[area] = c.about[area]
		}
	}
	return all
}

// add keeps the area that was cut off about the object at a place.
func (c *cuts) add(place int, step drift.Step) {
	one, cut := silenceOf(step)
	if !cut {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, known := c.first[one.area]; !known || place < at {
		c.first[one.area], c.about[one.area] = place, one
	}
}
