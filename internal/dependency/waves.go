package dependency

import (
	"slices"

	"github.com/killick-dev/killick/internal/drift"
)

// Names says that an object is named, by kind and name, as what must be there first.
func (r References) Names(id drift.ID) bool {
	return slices.ContainsFunc(r.named, func(to reference) bool { return to.means(id) })
}

// means says that an ID is what a reference names. Its group is not asked: to write one
// object after another of the same kind and name does no harm.
func (to reference) means(id drift.ID) bool {
	return to.name == id.Name && (to.kind == "" || to.kind == id.Kind) &&
		(id.Namespace == "" || to.namespace == "" || to.namespace == id.Namespace)
}

// Waves divides steps into groups, given by their places: what a step refers to stands in
// an earlier group. References in a circle order nothing, and neither do those to what is
// no step.
func Waves(steps []drift.Step) [][]int {
	places := map[string][]int{} // by name
	for i, step := range steps {
		places[step.Change.ID.Name] = append(places[step.Change.ID.Name], i)
	}
	depth, entered := make([]int, len(steps)), make([]bool, len(steps))
	var visit func(i int) int
	visit = func(i int) int {
		if entered[i] {
			return depth[i]
		}
		entered[i] = true
		deepest := 0
		for _, to := range ReferencesOf(manifestOf(steps[i])).named {
			for _, j := range places[to.name] {
				if i != j && to.means(steps[j].Change.ID) && (!entered[j] || depth[j] >= 0) {
					deepest = max(deepest, visit(j)+1)
				}
			}
		}
		depth[i] = deepest
		return deepest
	}
	// In a fixed order, so that a circle is cut at the same place every time.
	order := make([]int, len(steps))
	for i := range order {
		order[i], depth[i] = i, -1
	}
	slices.SortFunc(order, func(a, b int) int { return steps[a].Change.ID.Compare(steps[b].Change.ID) })
	var waves [][]int
	for _, i := range order {
		for d := visit(i); len(waves) <= d; {
			waves = append(waves, nil)
		}
	}
	for i, d := range depth {
		waves[d] = append(waves[d], i)
	}
	return slices.DeleteFunc(waves, func(wave []int) bool { return len(wave) == 0 })
}

// manifestOf is what a step wants, or, where it wants nothing any more, what there is.
func manifestOf(s drift.Step) map[string]any {
	if manifest := s.Object.Unpack().Manifest; manifest != nil {
		return manifest
	}
	return s.Observation.Live
}
