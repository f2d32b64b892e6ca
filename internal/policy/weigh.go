package policy

import (
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// scale weighs values: the bytes of their text, and eight for every part. A value
// weighs what it would take to write it out: parts that stand in it several times,
// which share their memory, count each time, since comparing, printing and copying
// visit them each time. Thirty lines of x1 := [x0, x0] make a value of 2^30 parts.
type scale struct {
	vars  map[ast.Var]int   // what heavy variables are bound to
	known map[ast.Value]int // heavy composites, by identity
}

const (
	partWeight = 8
	shortText  = 64
	// heavy is the weight from which it is worth to remember a composite's.
	heavy = 512
)

// weigh is exact up to maxWeight and stops there.
func (s scale) weigh(term *ast.Term) int {
	switch value := term.Value.(type) {
	case ast.String:
		return partWeight + len(value)
	case ast.Number:
		return partWeight + digits(string(value))
	case ast.Var:
		return max(partWeight, s.vars[value])
	case *ast.Array:
		return s.composite(value, func(add func(*ast.Term) bool) {
			for i := range value.Len() {
				if !add(value.Elem(i)) {
					return
				}
			}
		})
	case ast.Object:
		return s.composite(value, func(add func(*ast.Term) bool) {
			_ = value.Until(func(k, v *ast.Term) bool { return !add(k) || !add(v) })
		})
	case ast.Set:
		return s.composite(value, func(add func(*ast.Term) bool) {
			_ = value.Until(func(member *ast.Term) bool { return !add(member) })
		})
	}
	return partWeight
}

// composite adds up parts. Only what is ground keeps its weight.
func (s scale) composite(value ast.Value, parts func(add func(*ast.Term) bool)) int {
	if weight, known := s.known[value]; known {
		return weight
	}
	weight := partWeight
	parts(func(part *ast.Term) bool {
		weight += s.weigh(part)
		return weight <= maxWeight
	})
	if weight > heavy && value.IsGround() {
		s.known[value] = weight
	}
	return weight
}

// digits is how many a number has once it is written out: 1e9 has ten.
func digits(number string) int {
	mantissa, exponent, found := strings.Cut(strings.ToLower(number), "e")
	if !found {
		return len(number)
	}
	zeros, err := strconv.Atoi(exponent)
	if err != nil {
		return maxWeight
	}
	return len(mantissa) + max(zeros, -zeros)
}
