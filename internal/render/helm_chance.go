package render

import (
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "unsafe" // for go:linkname

	_ "github.com/Masterminds/sprig/v3" // holds templateFunctions
)

// templateFunctions is the table from which Helm's engine takes the functions that
// templates call. The engine has no way to be given others, so this is the only place
// where what clock, chance and map order answer can be settled for everything that runs:
// a text that tpl takes from a value stands in no template that could be rewritten
// beforehand. TestChanceReachesEveryTemplate fails where an upgrade moves the table.
//
//go:linkname templateFunctions github.com/Masterminds/sprig/v3.genericMap
var templateFunctions map[string]any

// templating guards templateFunctions: there is one table for the whole process.
var templating sync.Mutex

// chance is what clock, chance and the order of maps answer during a render. A chart is
// rendered once as it is to be applied, and, if that asked chance anything, a second time
// with contrary answers: what differs then is chance's and not Git's (docs/guards.md, isolation
// of input").
type chance struct {
	contrary bool
	asked    bool
	now      time.Time
	ahead    time.Duration // of the real clock
	// said are the first pass's answers in the order in which they were given, by
	// function and arguments. The contrary pass takes them one by one, and gives others.
	said map[string][]string
}

func newChance() *chance {
	return &chance{now: time.Now(), said: map[string][]string{}}
}

// opposite is the chance of the second pass. Every part of its time is another one, so
// that no format shows both alike.
func (c *chance) opposite() *chance {
	t := c.now
	other := time.Date(t.Year()+1, t.Month()%12+1, t.Day()%28+1, (t.Hour()+7)%24, (t.Minute()+1)%60, (t.Second()+1)%60, 0, t.Location())
	for other.Weekday() == t.Weekday() {
		other = other.AddDate(1, 0, 0)
	}
	return &chance{contrary: true, now: other, ahead: other.Sub(t), said: c.said}
}

// during has templates ask this chance while work runs.
func (c *chance) during(work func()) {
	templating.Lock()
	defer templating.Unlock()
	original := maps.Clone(templateFunctions)
	defer maps.Copy(templateFunctions, original)
	for _, replaced := range []map[string]any{c.clock(original), c.order(), c.random(original), c.unique(original)} {
		maps.Copy(templateFunctions, replaced)
	}
	work()
}

// clock are the functions that ask for the time. Those that format a date take the
// present for one that they cannot read (sprig, date.go).
func (c *chance) clock(original map[string]any) map[string]any {
	now := func() time.Time { c.asked = true; return c.now }
	readable := func(date any) any {
		switch date.(type) {
		case time.Time, *time.Time, int64, int, int32:
			return date
		}
		return now()
	}
	format := original["dateInZone"].(func(string, any, string) string) //nolint:forcetypeassert // sprig's signature, as tested
	zoned := func(layout string, date any, zone string) string { return format(layout, readable(date), zone) }
	ago := original["ago"].(func(any) string)             //nolint:forcetypeassert // likewise
	round := original["durationRound"].(func(any) string) //nolint:forcetypeassert // likewise
	return map[string]any{
		"now":            now,
		"date":           func(layout string, date any) string { return zoned(layout, date, "Local") },
		"dateInZone":     zoned,
		"date_in_zone":   zoned,
		"htmlDate":       func(date any) string { return zoned(time.DateOnly, date, "Local") },
		"htmlDateInZone": func(date any, zone string) string { return zoned(time.DateOnly, date, zone) },
		"ago": func(date any) string {
			c.asked = true
			switch at := date.(type) {
			case time.Time:
				return ago(at.Add(-c.ahead))
			case int64:
				return ago(at - int64(c.ahead.Seconds()))
			case int:
				return ago(at - int(c.ahead.Seconds()))
			}
			return ago(date) // which takes it for the present
		},
		"durationRound": func(duration any) string {
			if since, ok := duration.(time.Time); ok {
				c.asked = true
				return round(since.Add(-c.ahead))
			}
			return round(duration)
		},
	}
}

// order are the functions that list a map, for which Go has a new order each time: up
// by name, and down in the contrary pass.
func (c *chance) order() map[string]any {
	sorted := func(dict map[string]any) []string {
		names := slices.Sorted(maps.Keys(dict))
		if len(names) > 1 {
			c.asked = true
		}
		if c.contrary {
			slices.Reverse(names)
		}
		return names
	}
	return map[string]any{
		"keys": func(dicts ...map[string]any) []string {
			names := []string{}
			for _, dict := range dicts {
				names = append(names, sorted(dict)...)
			}
			return names
		},
		"values": func(dict map[string]any) []any {
			values := []any{}
			for _, name := range sorted(dict) {
				values = append(values, dict[name])
			}
			return values
		},
	}
}

// random are the functions whose answers, or what charts cut of them, may be short enough
// to come up twice.
func (c *chance) random(original map[string]any) map[string]any {
	replaced := map[string]any{}
	for _, name := range []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric"} {
		draw := original[name].(func(int) string) //nolint:forcetypeassert // sprig's signature, as tested
		replaced[name] = func(count int) string {
			return c.say(fmt.Sprint(name, count), draw(count), otherText)
		}
	}
	bytes := original["randBytes"].(func(int) (string, error)) //nolint:forcetypeassert // likewise
	replaced["randBytes"] = func(count int) (string, error) {
		drawn, err := bytes(count)
		return c.say(fmt.Sprint("randBytes", count), drawn, otherBytes), err
	}
	number := original["randInt"].(func(int, int) int) //nolint:forcetypeassert // likewise
	replaced["randInt"] = func(least, end int) int {
		said := c.say(fmt.Sprint("randInt", least, end), strconv.Itoa(number(least, end)), func(said string) string {
			n, _ := strconv.Atoi(said) // from Itoa
			return strconv.Itoa(least + (n-least+1)%(end-least))
		})
		n, _ := strconv.Atoi(said)
		return n
	}
	unique := original["uuidv4"].(func() string) //nolint:forcetypeassert // likewise
	replaced["uuidv4"] = func() string { return c.say("uuidv4", unique(), otherText) }
	shuffle := original["shuffle"].(func(string) string) //nolint:forcetypeassert // likewise
	replaced["shuffle"] = func(text string) string {
		return c.say("shuffle"+text, shuffle(text), otherOrder)
	}
	return replaced
}

// say is an answer of the first pass, or the other one for it.
func (c *chance) say(question, answer string, other func(string) string) string {
	c.asked = true
	if !c.contrary {
		c.said[question] = append(c.said[question], answer)
		return answer
	}
	if said := c.said[question]; len(said) > 0 {
		answer, c.said[question] = said[0], said[1:]
	}
	return other(answer)
}

// otherText has another character everywhere, also in upper or lower case: charts cut
// random text, and change its case.
func otherText(said string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '0':
			return '1'
		case r >= '0' && r <= '9':
			return '0'
		case r == 'a' || r == 'A':
			return 'b'
		}
		return 'a'
	}, said)
}

// otherBytes has every bit turned.
func otherBytes(said string) string {
	data, _ := base64.StdEncoding.DecodeString(said) // as randBytes encodes
	for i := range data {
		data[i] = ^data[i]
	}
	return base64.StdEncoding.EncodeToString(data)
}

// otherOrder has the same characters in another order, if there is one.
func otherOrder(said string) string {
	turned := []rune(said)
	for range turned {
		turned = append(turned[1:], turned[0])
		if string(turned) != said {
			break
		}
	}
	return string(turned)
}

// quickKeys are the functions that make a key where none is given, which takes seconds
// for RSA, with those that do the same for a given one.
var quickKeys = map[string]string{"genCA": "genCAWithKey", "genSelfSignedCert": "genSelfSignedCertWithKey", "genSignedCert": "genSignedCertWithKey"}

// unique are the functions whose answers never come up twice.
func (c *chance) unique(original map[string]any) map[string]any {
	replaced := map[string]any{}
	for _, name := range []string{"bcrypt", "htpasswd", "encryptAES", "genCAWithKey", "genSelfSignedCertWithKey", "genSignedCertWithKey"} {
		replaced[name] = c.noted(original[name])
	}
	private := original["genPrivateKey"].(func(string) string) //nolint:forcetypeassert // sprig's signature, as tested
	replaced["genPrivateKey"] = func(kind string) string {
		c.asked = true
		if slow := kind == "" || kind == "rsa" || kind == "dsa"; c.contrary && slow {
			kind = "ecdsa"
		}
		return private(kind)
	}
	for name, given := range quickKeys {
		replaced[name] = c.noted(original[name])
		if c.contrary {
			replaced[name] = withKey(original[name], original[given], private)
		}
	}
	return replaced
}

// noted is a function whose calls are noted.
func (c *chance) noted(function any) any {
	called := reflect.ValueOf(function)
	return reflect.MakeFunc(called.Type(), func(arguments []reflect.Value) []reflect.Value {
		c.asked = true
		return called.Call(arguments)
	}).Interface()
}

// withKey is a function that hands its arguments to given, and a quick key. (Certificates
// are of a type that sprig does not export.)
func withKey(function, given any, private func(string) string) any {
	return reflect.MakeFunc(reflect.TypeOf(function), func(arguments []reflect.Value) []reflect.Value {
		return reflect.ValueOf(given).Call(append(arguments, reflect.ValueOf(private("ecdsa"))))
	}).Interface()
}
