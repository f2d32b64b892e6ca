package notify

import (
	"context"
	"net/http"
	"strings"

	"github.com/slack-go/slack"
)

// bot posts with a bot token through chat.postMessage.
type bot struct {
	client *slack.Client
	token  credential
}

// newBot uses the library without its own retries: theirs are not bounded by the
// context's deadline and may post twice after a lost connection.
func newBot(s SlackConfig, token credential, client *http.Client) bot {
	options := []slack.Option{slack.OptionHTTPClient(client)}
	if s.APIURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(s.APIURL, "/")+"/"))
	}
	return bot{client: slack.New(token.secret, options...), token: token}
}

func (b bot) post(ctx context.Context, channel string, f form) error {
	options := []slack.MsgOption{
		slack.MsgOptionText(f.text, true),
		slack.MsgOptionParse(false),
		slack.MsgOptionDisableMarkdown(),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
	}
	if f.blocks != nil {
		options = append(options, slack.MsgOptionBlocks(f.blocks...))
	}
	_, _, err := b.client.PostMessageContext(ctx, channel, options...)
	return b.token.scrub(err)
}
