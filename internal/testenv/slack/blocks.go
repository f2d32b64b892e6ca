package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Limits of Block Kit
// (https://docs.slack.dev/reference/block-kit/blocks).
const (
	maxBlocks        = 50
	maxHeaderText    = 150
	maxText          = 3000
	maxFields        = 10
	maxFieldText     = 2000
	maxContext       = 10
	maxBlockID       = 255
	maxMarkdown      = 12000
	maxImageURL      = 3000
	maxAltText       = 2000
	maxListIndent    = 8
	maxTotalOfBlocks = 13000
)

// validate checks blocks as Slack does: the error code and the messages of
// response_metadata, or "" when they are fine.
//
// The total is undocumented; msg_blocks_too_long was seen from 13,172 characters
// (slackapi/bolt-js#2509). Here it is measured on the largest plausible form,
// JSON with everything outside ASCII escaped.
func validate(blocks []any) (code string, messages []string) {
	c := &checker{ids: map[string]bool{}}
	if len(blocks) > maxBlocks {
		c.fail("/blocks", fmt.Sprintf("no more than %d items allowed", maxBlocks))
	}
	for i, block := range blocks {
		c.block(fmt.Sprintf("/blocks/%d", i), block)
	}
	if len(c.messages) > 0 {
		return "invalid_blocks", c.messages
	}
	if total(blocks) > maxTotalOfBlocks {
		return "msg_blocks_too_long", nil
	}
	return "", nil
}

func total(blocks []any) int {
	encoded, err := json.Marshal(blocks)
	if err != nil {
		return maxTotalOfBlocks + 1
	}
	n := 0
	for _, r := range string(encoded) {
		switch {
		case r < utf8.RuneSelf:
			n++
		case r > 0xffff:
			n += 12
		default:
			n += 6
		}
	}
	return n
}

// checker collects what is wrong, with JSON pointers, as Slack words it.
type checker struct {
	messages []string
	ids      map[string]bool
}

func (c *checker) fail(pointer, message string) {
	c.messages = append(c.messages, fmt.Sprintf("[ERROR] %s [json-pointer:%s]", message, pointer))
}

// object checks that v is an object with only these attributes, and has the
// required ones. Optional attributes end in "?".
func (c *checker) object(pointer string, v any, attributes ...string) (map[string]any, bool) {
	object, ok := v.(map[string]any)
	if !ok {
		c.fail(pointer, "must provide an object")
		return nil, false
	}
	allowed := map[string]bool{}
	for _, attribute := range attributes {
		name, optional := attribute, false
		if attribute[len(attribute)-1] == '?' {
			name, optional = attribute[:len(attribute)-1], true
		}
		allowed[name] = true
		if _, given := object[name]; !given && !optional {
			c.fail(pointer, "missing required field: "+name)
			ok = false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !allowed[name] {
			c.fail(pointer, "invalid additional property: "+name)
			ok = false
		}
	}
	return object, ok
}

// text checks a string between 1 and limit characters.
func (c *checker) text(pointer string, v any, limit int) {
	s, ok := v.(string)
	switch {
	case !ok:
		c.fail(pointer, "must provide a string")
	case s == "":
		c.fail(pointer, "must be more than 0 characters")
	case utf8.RuneCountInString(s) > limit:
		c.fail(pointer, fmt.Sprintf("must be less than %d characters", limit+1))
	}
}

func (c *checker) list(pointer string, v any, limit int) []any {
	list, ok := v.([]any)
	switch {
	case !ok:
		c.fail(pointer, "must provide an array")
	case len(list) == 0:
		c.fail(pointer, "no fewer than 1 items allowed")
	case limit > 0 && len(list) > limit:
		c.fail(pointer, fmt.Sprintf("no more than %d items allowed", limit))
	}
	return list
}

func (c *checker) boolean(pointer string, object map[string]any, name string) {
	if v, given := object[name]; given {
		if _, ok := v.(bool); !ok {
			c.fail(pointer+"/"+name, "must provide a boolean")
		}
	}
}

func (c *checker) integer(pointer string, object map[string]any, name string, low, high float64) {
	v, given := object[name]
	if !given {
		return
	}
	n, ok := v.(float64)
	if !ok || n != float64(int(n)) || n < low || n > high {
		c.fail(pointer+"/"+name, fmt.Sprintf("must be an integer from %v to %v", low, high))
	}
}

// block checks one layout block. Types that Killick does not use are rejected,
// as Slack rejects types that a workspace does not have yet.
func (c *checker) block(pointer string, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		c.fail(pointer, "must provide an object")
		return
	}
	if id, given := object["block_id"]; given {
		c.text(pointer+"/block_id", id, maxBlockID)
		if name, isString := id.(string); isString {
			if c.ids[name] {
				c.fail(pointer+"/block_id", "block_id must be unique")
			}
			c.ids[name] = true
		}
	}
	switch object["type"] {
	case "header":
		if o, ok := c.object(pointer, v, "type", "block_id?", "text"); ok {
			c.textObject(pointer+"/text", o["text"], maxHeaderText, "plain_text")
		}
	case "section":
		c.section(pointer, v)
	case "context":
		c.context(pointer, v)
	case "divider":
		c.object(pointer, v, "type", "block_id?")
	case "markdown":
		if o, ok := c.object(pointer, v, "type", "block_id?", "text"); ok {
			c.text(pointer+"/text", o["text"], maxMarkdown)
		}
	case "image":
		if o, ok := c.object(pointer, v, "type", "block_id?", "image_url", "alt_text", "title?"); ok {
			c.image(pointer, o)
		}
	case "rich_text":
		if o, ok := c.object(pointer, v, "type", "block_id?", "elements"); ok {
			c.richText(pointer, o)
		}
	default:
		c.fail(pointer, fmt.Sprintf("unsupported type: %v", object["type"]))
	}
}

func (c *checker) section(pointer string, v any) {
	object, ok := c.object(pointer, v, "type", "block_id?", "text?", "fields?", "expand?")
	if !ok {
		return
	}
	text, hasText := object["text"]
	fields, hasFields := object["fields"]
	if !hasText && !hasFields {
		c.fail(pointer, "missing required field: text or fields")
	}
	if hasText {
		c.textObject(pointer+"/text", text, maxText, "plain_text", "mrkdwn")
	}
	if hasFields {
		for i, field := range c.list(pointer+"/fields", fields, maxFields) {
			c.textObject(fmt.Sprintf("%s/fields/%d", pointer, i), field, maxFieldText, "plain_text", "mrkdwn")
		}
	}
	c.boolean(pointer, object, "expand")
}

func (c *checker) context(pointer string, v any) {
	object, ok := c.object(pointer, v, "type", "block_id?", "elements")
	if !ok {
		return
	}
	for i, element := range c.list(pointer+"/elements", object["elements"], maxContext) {
		at := fmt.Sprintf("%s/elements/%d", pointer, i)
		if image, isObject := element.(map[string]any); isObject && image["type"] == "image" {
			if o, ok := c.object(at, element, "type", "image_url", "alt_text"); ok {
				c.image(at, o)
			}
			continue
		}
		c.textObject(at, element, maxText, "plain_text", "mrkdwn")
	}
}

func (c *checker) image(pointer string, object map[string]any) {
	c.text(pointer+"/image_url", object["image_url"], maxImageURL)
	c.text(pointer+"/alt_text", object["alt_text"], maxAltText)
	if title, given := object["title"]; given {
		c.textObject(pointer+"/title", title, maxAltText, "plain_text")
	}
}

// textObject checks a text composition object
// (https://docs.slack.dev/reference/block-kit/composition-objects/text-object).
func (c *checker) textObject(pointer string, v any, limit int, types ...string) {
	object, ok := c.object(pointer, v, "type", "text", "emoji?", "verbatim?")
	if !ok {
		return
	}
	kind, _ := object["type"].(string)
	if !slices.Contains(types, kind) {
		c.fail(pointer+"/type", fmt.Sprintf("unsupported type: %v", object["type"]))
	}
	if _, given := object["emoji"]; given && kind == "mrkdwn" {
		c.fail(pointer+"/emoji", "emoji is only for plain_text")
	}
	if _, given := object["verbatim"]; given && kind == "plain_text" {
		c.fail(pointer+"/verbatim", "verbatim is only for mrkdwn")
	}
	c.boolean(pointer, object, "emoji")
	c.boolean(pointer, object, "verbatim")
	c.text(pointer+"/text", object["text"], limit)
}
