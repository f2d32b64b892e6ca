package nested

import (
	"slices"
	"sort"
)

// PathSums is the set of fields that a manifest named, as a memo row keeps it: three bytes
// per value that holds no other, sorted. It is a hash of the path alone, because the
// names of fields are no secret, and short, because a state must fit into one object:
// of 16 million sums a manifest uses a hundred. Where two paths share one, a field that
// Git adds counts as one that it had, as it does where nothing was recorded. The zero
// value says that nothing was.
type PathSums []byte

// NamedBytes is how much of a sum is kept. In the row's JSON they are four characters, so
// that what the rows of a state have in common stays aligned, and compresses.
const NamedBytes = 3

// SumsOf is the set of these sums.
func SumsOf(sums []uint32) PathSums {
	slices.Sort(sums)
	sums = slices.Compact(sums)
	named := make(PathSums, 0, len(sums)*NamedBytes)
	for _, sum := range sums {
		named = append(named, byte(sum>>16), byte(sum>>8), byte(sum))
	}
	return named
}

// With is the set that also has another one's fields. That of a row of an earlier version
// stays empty: of the fields before nothing is known.
func (n PathSums) With(more PathSums) PathSums {
	if len(n) == 0 {
		return n
	}
	var sums []uint32
	for _, set := range []PathSums{n, more} {
		for i := range len(set) / NamedBytes {
			sums = append(sums, set.sum(i))
		}
	}
	return SumsOf(sums)
}

// Has says that the set holds the sum.
func (n PathSums) Has(sum uint32) bool {
	at := sort.Search(len(n)/NamedBytes, func(i int) bool { return n.sum(i) >= sum })
	return at < len(n)/NamedBytes && n.sum(at) == sum
}

func (n PathSums) sum(i int) uint32 {
	of := n[i*NamedBytes:]
	return uint32(of[0])<<16 | uint32(of[1])<<8 | uint32(of[2])
}

// SumOf is a hash of a path, and SumBelow that of one with another element: FNV-1a of 32
// bits (hash/fnv), without a state to allocate.
func SumOf(path Path) uint32 {
	sum := uint32(2166136261)
	for _, element := range path {
		sum = SumBelow(sum, element)
	}
	return sum
}

// SumBelow is the sum of a path with one more element.
func SumBelow(sum uint32, element string) uint32 {
	for i := range len(element) {
		sum = (sum ^ uint32(element[i])) * 16777619
	}
	return (sum ^ '/') * 16777619 // ends the element
}

// Fold is a sum of as many bits as are kept.
func Fold(sum uint32) uint32 { return sum>>(8*NamedBytes) ^ sum&(1<<(8*NamedBytes)-1) }
