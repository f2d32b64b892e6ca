package drift

import "fmt"

// granting is a verdict with one reason per verb.
func granting(verbs ...Verb) Verdict {
	verdict := Verdict{Reasons: map[Verb][]Reason{}}
	for i, verb := range verbs {
		verdict.Reasons[verb] = append(verdict.Reasons[verb], Reason{
			Verb: verb, Area: "shop", Text: "because of " + string(verb), Rule: fmt.Sprintf("policies/shop.rego:%d", i+1),
		})
	}
	return verdict
}
