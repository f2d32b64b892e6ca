package slack

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Message is one message as the workspace keeps it.
type Message struct {
	Channel   string // channel ID
	TS        string
	Thread    string // ts of the parent, for a reply
	Text      string // as it was sent, escapes included
	Blocks    []any  // as decoded JSON
	Parse     string // "none", "full" or "" (the argument parse)
	LinkNames bool   // plain names in the text are linked too
	Webhook   bool   // came through the webhook
	Edits     int

	token string
}

var (
	// special are Slack's angle-bracket sequences
	// (https://docs.slack.dev/messaging/formatting-message-text).
	special = regexp.MustCompile(`<([^<>\n]+)>`)
	bareURL = regexp.MustCompile(`\b(?:https?|mailto):[^\s<>|]+`)
	atName  = regexp.MustCompile(`(?:^|\s)([@#][A-Za-z0-9._-]+)`)
)

// parsed is one string in which Slack looks for markup.
type parsed struct {
	text string
	urls bool // bare URLs become links, too
}

// parsed are the top-level text, mrkdwn objects and markdown blocks.
func (m Message) parsed() []parsed {
	texts := []parsed{{text: m.Text, urls: m.Parse != "none"}}
	walk(m.Blocks, func(node map[string]any) {
		if node["type"] == "mrkdwn" || node["type"] == "markdown" {
			texts = append(texts, parsed{text: text(node["text"]), urls: node["verbatim"] != true})
		}
	})
	return texts
}

// Mentions are everything that notifies somebody or links a channel, as Slack
// would parse the message: <!channel>, <@U…>, <!subteam^S…>, <#C…>, typed nodes
// in rich text, and plain @names when the message asks for them to be linked.
func (m Message) Mentions() []string {
	var found []string
	for _, p := range m.parsed() {
		for _, match := range special.FindAllStringSubmatch(p.text, -1) {
			if strings.ContainsAny(match[1][:1], "!@#") {
				found = append(found, match[0])
			}
		}
		if m.LinkNames {
			for _, match := range atName.FindAllStringSubmatch(p.text, -1) {
				found = append(found, match[1])
			}
		}
	}
	walk(m.Blocks, func(node map[string]any) {
		switch node["type"] {
		case "user", "usergroup", "channel", "broadcast":
			found = append(found, text(node["type"])+":"+text(node["user_id"])+text(node["usergroup_id"])+
				text(node["channel_id"])+text(node["range"]))
		}
	})
	return found
}

// Links are the URLs that a reader could click: <https://…|label>, bare URLs
// where Slack links them, typed link nodes and images.
func (m Message) Links() []string {
	var found []string
	for _, p := range m.parsed() {
		for _, match := range special.FindAllStringSubmatch(p.text, -1) {
			if !strings.ContainsAny(match[1][:1], "!@#") {
				found = append(found, match[1])
			}
		}
		if p.urls {
			found = append(found, bareURL.FindAllString(special.ReplaceAllString(p.text, " "), -1)...)
		}
	}
	walk(m.Blocks, func(node map[string]any) {
		switch node["type"] {
		case "link":
			found = append(found, text(node["url"]))
		case "image":
			found = append(found, text(node["image_url"]))
		}
	})
	return found
}

// PlainText is what a reader sees, without formatting: one line per text object,
// section and list item. Without blocks it is the top-level text, unescaped.
func (m Message) PlainText() string {
	if len(m.Blocks) == 0 {
		return unescape(m.Text)
	}
	var lines []string
	for _, block := range m.Blocks {
		lines = append(lines, plain(block)...)
	}
	return strings.Join(lines, "\n")
}

// plain gives the lines of one node.
func plain(v any) []string {
	node, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	switch node["type"] {
	case "plain_text":
		return strings.Split(text(node["text"]), "\n")
	case "mrkdwn", "markdown":
		return strings.Split(unescape(text(node["text"])), "\n")
	case "header":
		return plain(node["text"])
	case "section":
		lines := plain(node["text"])
		return append(lines, plainEach(node["fields"])...)
	case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
		elements, _ := node["elements"].([]any)
		var line strings.Builder
		for _, element := range elements {
			inline, _ := element.(map[string]any)
			line.WriteString(text(inline["text"]))
		}
		return strings.Split(line.String(), "\n")
	case "rich_text_list":
		lines := plainEach(node["elements"])
		for i := range lines {
			lines[i] = "• " + lines[i]
		}
		return lines
	}
	return plainEach(node["elements"])
}

func plainEach(v any) []string {
	list, _ := v.([]any)
	var lines []string
	for _, element := range list {
		lines = append(lines, plain(element)...)
	}
	return lines
}

func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// walk visits every object below v, in a fixed order.
func walk(v any, visit func(map[string]any)) {
	switch node := v.(type) {
	case []any:
		for _, element := range node {
			walk(element, visit)
		}
	case map[string]any:
		visit(node)
		for _, name := range slices.Sorted(maps.Keys(node)) {
			walk(node[name], visit)
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
