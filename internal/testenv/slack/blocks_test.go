package slack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBlocks checks every rule of Block Kit that the fake enforces.
func TestBlocks(t *testing.T) {
	letters := func(n int) string { return strings.Repeat("é", n) }
	repeat := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	plainText := func(text string) string { return `{"type":"plain_text","text":"` + text + `"}` }
	header := func(text string) string { return `{"type":"header","text":` + plainText(text) + `}` }
	section := func(attributes string) string { return `{"type":"section",` + attributes + `}` }
	context := func(elements string) string { return `{"type":"context","elements":[` + elements + `]}` }
	rich := func(elements string) string { return `{"type":"rich_text","elements":[` + elements + `]}` }
	inline := func(elements string) string {
		return rich(`{"type":"rich_text_section","elements":[` + elements + `]}`)
	}
	item := `{"type":"rich_text_section","elements":[{"type":"text","text":"x"}]}`
	list := func(attributes string) string { return rich(`{"type":"rich_text_list",` + attributes + `}`) }
	divider := `{"type":"divider"}`

	tests := []struct {
		name, blocks, want string // part of the first message; "" when accepted
	}{
		{"header", header(letters(150)), ""},
		{"header too long", header(letters(151)), "must be less than 151 characters [json-pointer:/blocks/0/text/text]"},
		{"header empty", header(""), "must be more than 0 characters"},
		{"header in mrkdwn", `{"type":"header","text":{"type":"mrkdwn","text":"x"}}`, "unsupported type: mrkdwn"},
		{"section", section(`"text":` + plainText(strings.Repeat("x", 3000))), ""},
		{"section too long", section(`"text":` + plainText(strings.Repeat("x", 3001))), "must be less than 3001"},
		{"section without text", section(`"expand":true`), "text or fields"},
		{"section fields", section(`"fields":[` + repeat(10, plainText("x")) + `]`), ""},
		{"too many fields", section(`"fields":[` + repeat(11, plainText("x")) + `]`), "no more than 10 items"},
		{"field too long", section(`"fields":[` + plainText(strings.Repeat("x", 2001)) + `]`), "must be less than 2001"},
		{"buttons are not ours", section(`"text":` + plainText("x") + `,"accessory":{}`), "invalid additional property: accessory"},
		{"emoji in mrkdwn", section(`"text":{"type":"mrkdwn","text":"x","emoji":true}`), "emoji is only for plain_text"},
		{"verbatim in plain text", section(`"text":{"type":"plain_text","text":"x","verbatim":true}`), "verbatim is only for mrkdwn"},
		{"emoji is a boolean", section(`"text":{"type":"plain_text","text":"x","emoji":"no"}`), "must provide a boolean"},
		{"text is a string", section(`"text":{"type":"plain_text","text":1}`), "must provide a string"},
		{"context", context(repeat(10, plainText("x"))), ""},
		{"context with an image", context(`{"type":"image","image_url":"https://x","alt_text":"x"}`), ""},
		{"too much context", context(repeat(11, plainText("x"))), "no more than 10 items"},
		{"no context", context(""), "no fewer than 1 items"},
		{"divider", divider, ""},
		{"unknown attribute", `{"type":"divider","colour":"red"}`, "invalid additional property: colour"},
		{"unknown type", `{"type":"container","title":"x"}`, "unsupported type: container"},
		{"no type", `{}`, "unsupported type: <nil>"},
		{"no object", `"x"`, "must provide an object"},
		{"fifty", repeat(50, divider), ""},
		{"fifty-one", repeat(51, divider), "no more than 50 items allowed [json-pointer:/blocks]"},
		{"block IDs", `{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}`, "block_id must be unique"},
		{"long block ID", `{"type":"divider","block_id":"` + letters(256) + `"}`, "must be less than 256"},
		{"markdown", `{"type":"markdown","text":"**x**"}`, ""},
		{"image", `{"type":"image","image_url":"https://x","alt_text":"x","title":` + plainText("x") + `}`, ""},
		{"image without alt text", `{"type":"image","image_url":"https://x"}`, "missing required field: alt_text"},
		{"rich text", inline(`{"type":"text","text":"x","style":{"bold":true,"code":true}}`), ""},
		{"rich text without elements", rich(""), "no fewer than 1 items"},
		{"empty section", inline(""), "no fewer than 1 items"},
		{"empty text node", inline(`{"type":"text","text":""}`), "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]"},
		{"unknown style", inline(`{"type":"text","text":"x","style":{"blink":true}}`), "invalid additional property: blink"},
		{"style is boolean", inline(`{"type":"text","text":"x","style":{"bold":1}}`), "must provide a boolean"},
		{"empty style", inline(`{"type":"text","text":"x","style":{}}`), "at least one style"},
		{"unknown inline", inline(`{"type":"hologram"}`), "unsupported type: hologram"},
		{"typed nodes", inline(`{"type":"user","user_id":"U1"},{"type":"broadcast","range":"here"},{"type":"link","url":"https://x"},{"type":"emoji","name":"fire"}`), ""},
		{"broadcast to whom", inline(`{"type":"broadcast","range":"moon"}`), "must be here, channel or everyone"},
		{"list", list(`"style":"bullet","indent":0,"offset":0,"border":0,"elements":[` + item + `]`), ""},
		{"list style", list(`"style":"dashes","elements":[` + item + `]`), "must be bullet or ordered"},
		{"list indent", list(`"style":"bullet","indent":9,"elements":[` + item + `]`), "must be an integer from 0 to 8"},
		{"list of anything else", list(`"style":"bullet","elements":[{"type":"text","text":"x"}]`), "must be a rich_text_section"},
		{"quote", rich(`{"type":"rich_text_quote","elements":[{"type":"text","text":"x"}]}`), ""},
		{"preformatted", rich(`{"type":"rich_text_preformatted","border":0,"language":"diff","elements":[{"type":"text","text":"x"}]}`), ""},
		{"mention in preformatted", rich(`{"type":"rich_text_preformatted","elements":[{"type":"user","user_id":"U1"}]}`), "unsupported type: user"},
		{"unknown rich element", rich(`{"type":"rich_text_table"}`), "unsupported type: rich_text_table"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, Options{})
			r := s.post(t, `{"channel":"`+DefaultChannel+`","text":"x","blocks":[`+test.blocks+`]}`)
			if test.want == "" {
				if r.body["ok"] != true {
					t.Errorf("rejected: %s", r.raw)
				}
				return
			}
			metadata, _ := r.body["response_metadata"].(map[string]any)
			if r.errorCode() != "invalid_blocks" || !strings.Contains(fmt.Sprint(metadata["messages"]), test.want) {
				t.Errorf("answered %s, want invalid_blocks with %q", r.raw, test.want)
			}
		})
	}
}

// TestTotal checks the undocumented total of all blocks.
func TestTotal(t *testing.T) {
	s := start(t, Options{})
	blocks := func(n int) string {
		one := `{"type":"section","text":{"type":"plain_text","text":"` + strings.Repeat("x", 2900) + `"}}`
		return `{"channel":"` + DefaultChannel + `","blocks":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
	}
	if r := s.post(t, blocks(4)); r.body["ok"] != true {
		t.Errorf("11,900 characters: %s", r.raw)
	}
	if r := s.post(t, blocks(5)); r.errorCode() != "msg_blocks_too_long" {
		t.Errorf("14,900 characters: %s", r.raw)
	}
}

// TestParsedMarkup checks what the fake takes for mentions and links: it must
// not miss one that Slack would make.
func TestParsedMarkup(t *testing.T) {
	mrkdwn := func(text string) []any {
		return []any{map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text}}}
	}
	node := func(node map[string]any) []any {
		return []any{map[string]any{"type": "rich_text", "elements": []any{
			map[string]any{"type": "rich_text_section", "elements": []any{node}}}}}
	}
	tests := []struct {
		name     string
		message  Message
		mentions []string
		links    []string
	}{
		{"escaped text is harmless", Message{Text: "&lt;!channel&gt; &lt;https://x|y&gt;", Parse: "none"}, nil, nil},
		{"special mention in the text", Message{Text: "a <!channel> b"}, []string{"<!channel>"}, nil},
		{"users, groups and channels", Message{Text: "<@U1> <!subteam^S1> <#C1|x>"}, []string{"<@U1>", "<!subteam^S1>", "<#C1|x>"}, nil},
		{"link with a label", Message{Text: "<https://evil.example|x>"}, nil, []string{"https://evil.example|x"}},
		{"bare URL", Message{Text: "see https://x.example/a."}, nil, []string{"https://x.example/a."}},
		{"bare URL, not parsed", Message{Text: "see https://x.example/a", Parse: "none"}, nil, nil},
		{"names, when linked", Message{Text: "hi @here and #general", LinkNames: true, Parse: "none"}, []string{"@here", "#general"}, nil},
		{"names, when not", Message{Text: "hi @here", Parse: "none"}, nil, nil},
		{"mrkdwn object", Message{Parse: "none", Blocks: mrkdwn("<!here> https://x.example")}, []string{"<!here>"}, []string{"https://x.example"}},
		{"plain text is not parsed", Message{Parse: "none", Blocks: []any{map[string]any{"type": "plain_text", "text": "<!here> https://x"}}}, nil, nil},
		{"text node is not parsed", Message{Blocks: node(map[string]any{"type": "text", "text": "<!here> https://x"})}, nil, nil},
		{"user node", Message{Blocks: node(map[string]any{"type": "user", "user_id": "U1"})}, []string{"user:U1"}, nil},
		{"broadcast node", Message{Blocks: node(map[string]any{"type": "broadcast", "range": "channel"})}, []string{"broadcast:channel"}, nil},
		{"link node", Message{Blocks: node(map[string]any{"type": "link", "url": "https://x"})}, nil, []string{"https://x"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.mentions, test.message.Mentions()); diff != "" {
			t.Errorf("%s: mentions (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.links, test.message.Links()); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", test.name, diff)
		}
	}
}
