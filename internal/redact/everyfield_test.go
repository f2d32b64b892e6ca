package redact_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/killick-dev/killick/internal/drift"
	"github.com/killick-dev/killick/internal/redact"
)

// TestRedactorEveryField: whatever field a report has, what is known as secret is not in it.
// Those that name things by rules of their own are excepted.
func TestRedactorEveryField(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery"
	names := map[string]bool{"Schema": true, "Name": true, "Namespace": true, "Group": true, "Kind": true, "Version": true, "UID": true, "ID": true,
		"App": true, "Stage": true, "Mode": true, "File": true, "Path": true, "Renderer": true, "Repository": true, "Ref": true, "Commit": true,
		"Health": true, "Guard": true, "Hash": true, "Drift": true, "Cause": true, "Action": true, "Outcome": true, "Op": true, "Verb": true,
		"Rule": true, "Area": true, "Job": true, "Severity": true, "Routes": true, "Approval": true, "Chart": true, "Template": true, "ManagerClass": true}
	var report drift.Report
	fill(reflect.ValueOf(&report).Elem(), secret)
	clean := redact.Redactor{}.With(secret).Report(report)
	var search func(v reflect.Value, place string)
	search = func(v reflect.Value, place string) {
		switch v.Kind() {
		case reflect.String:
			if strings.Contains(v.String(), secret) {
				t.Errorf("%s holds the secret", place)
			}
		case reflect.Interface, reflect.Pointer:
			if !v.IsNil() {
				search(v.Elem(), place)
			}
		case reflect.Slice:
			for i := range v.Len() {
				search(v.Index(i), place+"[]")
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if field := v.Type().Field(i); field.IsExported() && !names[field.Name] {
					search(v.Field(i), place+"."+field.Name)
				}
			}
		}
	}
	search(reflect.ValueOf(clean), "Report")
}

// fill puts a text into every field, and one element into every list.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Interface:
		v.Set(reflect.ValueOf(text))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	}
}
