package slack

import (
	"fmt"
	"maps"
	"slices"
)

// richText checks the elements of a rich_text block
// (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block).
func (c *checker) richText(pointer string, block map[string]any) {
	for i, element := range c.list(pointer+"/elements", block["elements"], 0) {
		c.richElement(fmt.Sprintf("%s/elements/%d", pointer, i), element)
	}
}

func (c *checker) richElement(pointer string, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		c.fail(pointer, "must provide an object")
		return
	}
	switch object["type"] {
	case "rich_text_section":
		if o, ok := c.object(pointer, v, "type", "elements"); ok {
			c.inlines(pointer, o, nil)
		}
	case "rich_text_quote":
		if o, ok := c.object(pointer, v, "type", "elements", "border?"); ok {
			c.integer(pointer, o, "border", 0, 1)
			c.inlines(pointer, o, nil)
		}
	case "rich_text_preformatted":
		if o, ok := c.object(pointer, v, "type", "elements", "border?", "language?"); ok {
			c.integer(pointer, o, "border", 0, 1)
			c.inlines(pointer, o, []string{"text", "link"})
		}
	case "rich_text_list":
		c.richList(pointer, v)
	default:
		c.fail(pointer, fmt.Sprintf("unsupported type: %v", object["type"]))
	}
}

// richList checks a list, whose items are sections.
func (c *checker) richList(pointer string, v any) {
	object, ok := c.object(pointer, v, "type", "elements", "style", "indent?", "offset?", "border?")
	if !ok {
		return
	}
	if style := object["style"]; style != "bullet" && style != "ordered" {
		c.fail(pointer+"/style", "must be bullet or ordered")
	}
	c.integer(pointer, object, "indent", 0, maxListIndent)
	c.integer(pointer, object, "offset", 0, 10000)
	c.integer(pointer, object, "border", 0, 1)
	for i, element := range c.list(pointer+"/elements", object["elements"], 0) {
		at := fmt.Sprintf("%s/elements/%d", pointer, i)
		if section, isObject := element.(map[string]any); !isObject || section["type"] != "rich_text_section" {
			c.fail(at, "must be a rich_text_section")
			continue
		}
		c.richElement(at, element)
	}
}

// inlineAttributes are the attributes of each inline element besides type.
var inlineAttributes = map[string][]string{
	"text":      {"text", "style?"},
	"link":      {"url", "text?", "unsafe?", "style?"},
	"user":      {"user_id", "style?"},
	"usergroup": {"usergroup_id", "style?"},
	"channel":   {"channel_id", "style?"},
	"broadcast": {"range"},
	"emoji":     {"name", "unicode?", "style?"},
	"date":      {"timestamp", "format", "url?", "fallback?"},
}

var textStyles = []string{"bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"}

// inlines checks the inline elements of a section; types limits them when set.
func (c *checker) inlines(pointer string, object map[string]any, types []string) {
	for i, element := range c.list(pointer+"/elements", object["elements"], 0) {
		at := fmt.Sprintf("%s/elements/%d", pointer, i)
		inline, ok := element.(map[string]any)
		if !ok {
			c.fail(at, "must provide an object")
			continue
		}
		kind, _ := inline["type"].(string)
		attributes, known := inlineAttributes[kind]
		if !known || types != nil && !slices.Contains(types, kind) {
			c.fail(at, fmt.Sprintf("unsupported type: %v", inline["type"]))
			continue
		}
		if _, ok := c.object(at, element, append([]string{"type"}, attributes...)...); ok {
			c.inline(at, kind, inline)
		}
	}
}

func (c *checker) inline(pointer, kind string, inline map[string]any) {
	switch kind {
	case "text":
		c.text(pointer+"/text", inline["text"], maxTotalOfBlocks)
	case "link":
		c.text(pointer+"/url", inline["url"], maxImageURL)
	case "broadcast":
		if r := inline["range"]; r != "here" && r != "channel" && r != "everyone" {
			c.fail(pointer+"/range", "must be here, channel or everyone")
		}
	}
	style, given := inline["style"]
	if !given {
		return
	}
	styles, ok := style.(map[string]any)
	if !ok || len(styles) == 0 {
		c.fail(pointer+"/style", "must provide an object with at least one style")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(styles)) {
		if !slices.Contains(textStyles, name) {
			c.fail(pointer+"/style", "invalid additional property: "+name)
		}
		c.boolean(pointer+"/style", styles, name)
	}
}
