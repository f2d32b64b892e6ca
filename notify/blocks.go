package notify

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

const (
	// blockBudget bounds all blocks of a message. Slack documents no total;
	// msg_blocks_too_long was seen from about 13,170 characters
	// (slackapi/bolt-js#2509). We stay well below, counting as escaped JSON.
	blockBudget = 12000
	// maxBlocks is Slack's limit of blocks per message.
	maxBlocks = 50
	// headerLimit is Slack's limit for the text of a header block.
	headerLimit = 150
	// textBudget bounds the top-level text when it stands alone: Slack splits
	// longer texts.
	textBudget = 3500
	// sectionBudget is below Slack's limit of 3000 characters for a section.
	sectionBudget = 2900
)

// form is one way to lay out a message, from rich to plain. When Slack rejects
// one, the next is tried.
type form struct {
	text   string        // top-level text, not yet escaped
	blocks []slack.Block // nil: text only
}

// layouts are the downgrade ladder: rich text, sections of plain text, text only.
var layouts = []func(Message) form{richForm, sectionForm, textForm}

func richForm(m Message) form {
	v := fit(m.card, func(v view) bool { return fits(v.blocks()) })
	return form{text: m.summary(), blocks: v.blocks()}
}

func sectionForm(m Message) form {
	v := fit(m.card, func(v view) bool { return fits(v.sections()) })
	return form{text: m.summary(), blocks: v.sections()}
}

func textForm(m Message) form {
	v := fit(m.card, func(v view) bool { return utf8.RuneCountInString(v.text()) <= textBudget })
	return form{text: cut(v.text(), textBudget)}
}

// summary is what a phone shows on its lock screen: no values.
func (m Message) summary() string { return m.card.mark.emoji + " " + m.card.title }

// fits says whether Slack takes that many and that large blocks.
func fits(blocks []slack.Block) bool { return len(blocks) <= maxBlocks && size(blocks) <= blockBudget }

// size is the length of the blocks as JSON with every character outside ASCII
// escaped: the largest way in which Slack could count them.
func size(blocks []slack.Block) int {
	encoded, err := json.Marshal(blocks)
	if err != nil {
		return blockBudget + 1 // cannot be sent either
	}
	n := 0
	for _, r := range string(encoded) {
		switch {
		case r < utf8.RuneSelf:
			n++
		case r > 0xffff:
			n += 12 // a surrogate pair
		default:
			n += 6
		}
	}
	return n
}

// blocks lay the view out as header, context lines and one rich text per item.
func (v view) blocks() []slack.Block {
	blocks := []slack.Block{slack.NewHeaderBlock(plainText(cut(v.mark.emoji+" "+v.title, headerLimit)))}
	for _, fact := range v.facts {
		blocks = append(blocks, lineBlock(fact))
	}
	var compact []slack.RichTextElement
	flush := func() {
		if len(compact) > 0 {
			list := slack.NewRichTextList(slack.RTEListBullet, 0, compact...)
			blocks = append(blocks, slack.NewRichTextBlock("", list))
			compact = nil
		}
	}
	for _, entry := range v.items[:v.shown] {
		lines, hidden := v.visible(entry)
		if len(lines) == 0 {
			compact = append(compact, headSection(entry))
			continue
		}
		flush()
		blocks = append(blocks, itemBlock(entry, lines, hidden))
	}
	flush()
	for _, l := range v.below() {
		blocks = append(blocks, lineBlock(l))
	}
	return blocks
}

// sections lay the view out as header and plain text only.
func (v view) sections() []slack.Block {
	blocks := []slack.Block{slack.NewHeaderBlock(plainText(cut(v.mark.emoji+" "+v.title, headerLimit)))}
	section := func(text string) {
		if text != "" {
			blocks = append(blocks, slack.NewSectionBlock(plainText(cut(text, sectionBudget)), nil, nil))
		}
	}
	for _, fact := range v.facts {
		section(fact.String())
	}
	for _, entry := range v.items[:v.shown] {
		text := entry.mark.emoji + " " + entry.headline()
		lines, hidden := v.visible(entry)
		for _, l := range lines {
			text += "\n• " + l.String()
		}
		if hidden > 0 && v.lines > 0 {
			text += "\n• " + hiddenLines(hidden)
		}
		section(text)
	}
	for _, l := range v.below() {
		section(l.String())
	}
	return blocks
}

func itemBlock(entry item, lines []line, hidden int) slack.Block {
	bullets := make([]slack.RichTextElement, 0, len(lines)+1)
	for _, l := range lines {
		bullets = append(bullets, lineSection(l))
	}
	if hidden > 0 {
		bullets = append(bullets, slack.NewRichTextSection(richText(hiddenLines(hidden), plain)))
	}
	return slack.NewRichTextBlock("", headSection(entry), slack.NewRichTextList(slack.RTEListBullet, 0, bullets...))
}

// lineBlock is a line of its own. Only rich text takes a link without parsing anything.
func lineBlock(l line) slack.Block {
	if l.linked() {
		return slack.NewRichTextBlock("", lineSection(l))
	}
	return contextBlock(l.String())
}

func lineSection(l line) *slack.RichTextSection {
	section := slack.NewRichTextSection()
	for _, s := range l {
		if s.address != "" {
			section.Elements = append(section.Elements, slack.NewRichTextSectionLinkElement(s.address, s.text, nil))
			continue
		}
		section.Elements = append(section.Elements, richText(s.text, s.style))
	}
	return section
}

func headSection(entry item) *slack.RichTextSection {
	elements := []slack.RichTextSectionElement{
		richText(entry.mark.emoji+" ", plain),
		richText(entry.head, strong),
	}
	tail := ""
	if entry.isNew {
		tail = " (new)"
	}
	if entry.verdict != "" {
		tail += ": " + entry.verdict
	}
	if tail != "" {
		elements = append(elements, richText(tail, plain))
	}
	return slack.NewRichTextSection(elements...)
}

// richText is a text node, which Slack shows as it is. Slack rejects an empty
// one.
func richText(text string, s style) *slack.RichTextSectionTextElement {
	if text == "" {
		text = " "
	}
	switch s {
	case code:
		return slack.NewRichTextSectionTextElement(text, &slack.RichTextSectionTextStyle{Code: true})
	case strong:
		return slack.NewRichTextSectionTextElement(text, &slack.RichTextSectionTextStyle{Bold: true})
	}
	return slack.NewRichTextSectionTextElement(text, nil)
}

// plainText is a text object without mrkdwn; emoji names such as :fire: stay as
// they are written.
func plainText(text string) *slack.TextBlockObject {
	if text == "" {
		text = " "
	}
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

func contextBlock(text string) slack.Block {
	return slack.NewContextBlock("", plainText(cut(text, sectionBudget)))
}
