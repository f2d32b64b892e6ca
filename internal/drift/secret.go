package drift

// Redacted stands wherever a known secret would have been printed.
const Redacted = "[redacted]"

// SecretValue is one value that must never be printed. Key is what it is called, if
// that is known.
type SecretValue struct{ Key, Value string }

// String hides the value from whoever prints what holds it.
func (v SecretValue) String() string { return Redacted }

// GoString does the same for %#v.
func (v SecretValue) GoString() string { return Redacted }
