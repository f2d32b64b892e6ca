package notify

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/killick-dev/killick/internal/drift"
)

// DefaultRoute is the route of everything that no policy routes elsewhere.
const DefaultRoute = "default"

// Config says whom to tell. It holds no secret, only where to find one.
type Config struct {
	Slack SlackConfig
}

// SlackConfig names exactly one credential and the channels to post to.
type SlackConfig struct {
	// TokenFile or TokenEnv hold a bot token (scope chat:write).
	TokenFile string
	TokenEnv  string
	// WebhookFile or WebhookEnv hold the URL of an incoming webhook. A webhook
	// posts to one channel, so routes have no effect with it.
	WebhookFile string
	WebhookEnv  string
	// APIURL replaces https://slack.com/api/: https://slack-gov.com/api/ for
	// GovSlack, or a test server.
	APIURL string
	// Routes maps route names to channels; "default" must be one of them. A
	// resource goes to the routes its policies name, else to "default".
	Routes map[string]Route
	// Syncs says what happens to successful, allowed rollouts; "" means off.
	Syncs SyncMode
}

// Route is where messages of one route go.
type Route struct {
	// Channel is a channel ID such as C0123456789 (preferred, it survives
	// renaming), or a channel name.
	Channel string
}

// SyncMode says whether successful rollouts are told.
type SyncMode string

// The modes: not at all, one message per run, or in each app's own message.
const (
	SyncsOff    SyncMode = "off"
	SyncsDigest SyncMode = "digest"
	SyncsEach   SyncMode = "each"
)

// Enabled says whether the config names any credential, that is, whether
// anybody wants to be told.
func (c Config) Enabled() bool {
	s := c.Slack
	return s.TokenFile != "" || s.TokenEnv != "" || s.WebhookFile != "" || s.WebhookEnv != ""
}

// webhook says whether messages go through an incoming webhook.
func (s SlackConfig) webhook() bool { return s.WebhookFile != "" || s.WebhookEnv != "" }

// syncs is the mode with its default filled in.
func (s SlackConfig) syncs() SyncMode {
	if s.Syncs == "" {
		return SyncsOff
	}
	return s.Syncs
}

var (
	routeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	// channelName accepts encoded IDs and names; Slack's names are lower case,
	// at most 80 characters and may use other scripts. The length is checked
	// apart: a repeated Unicode class would cost every start of the binary 5 MB.
	channelName = regexp.MustCompile(`^(?:[CDGU][A-Z0-9]{2,30}|#?[\p{Ll}\p{Lo}\p{N}_-]+)$`)
)

// Validate reports the first thing that is wrong with the config as a
// [drift.Problem] of stage config.
func (c Config) Validate() error {
	if err := c.Slack.validate(); err != nil {
		return &drift.Problem{Stage: "config", Err: fmt.Errorf("checking notify.slack: %w", err)}
	}
	return nil
}

func (s SlackConfig) validate() error {
	var named []string
	for _, source := range []struct{ name, value string }{
		{"tokenFile", s.TokenFile}, {"tokenEnv", s.TokenEnv},
		{"webhookFile", s.WebhookFile}, {"webhookEnv", s.WebhookEnv},
	} {
		if source.value != "" {
			named = append(named, source.name)
		}
	}
	if len(named) != 1 {
		return fmt.Errorf("exactly one of tokenFile, tokenEnv, webhookFile and webhookEnv is needed, got %d%s",
			len(named), parenthesized(strings.Join(named, ", ")))
	}
	if s.APIURL != "" {
		if err := checkEndpoint(s.APIURL); err != nil {
			return fmt.Errorf("apiURL: %w", err)
		}
	}
	switch s.syncs() {
	case SyncsOff, SyncsDigest, SyncsEach:
	default:
		return fmt.Errorf("syncs is %q, want off, digest or each", s.Syncs)
	}
	return s.validateRoutes()
}

func (s SlackConfig) validateRoutes() error {
	for _, name := range slices.Sorted(maps.Keys(s.Routes)) {
		if !routeName.MatchString(name) {
			return fmt.Errorf("route name %q: want letters, digits, dots, dashes and underscores", name)
		}
		if s.webhook() {
			continue
		}
		channel := s.Routes[name].Channel
		if channel == "" {
			return fmt.Errorf("route %q names no channel", name)
		}
		if !channelName.MatchString(channel) || utf8.RuneCountInString(strings.TrimPrefix(channel, "#")) > 80 {
			return fmt.Errorf("route %q: channel %q is neither a channel ID such as C0123456789 nor a channel name", name, channel)
		}
	}
	if s.webhook() {
		return nil
	}
	if _, ok := s.Routes[DefaultRoute]; !ok {
		return fmt.Errorf("routes: %q is missing; it gets everything that no policy routes elsewhere", DefaultRoute)
	}
	return nil
}

// checkEndpoint accepts https anywhere and plain http only on this machine,
// where tests listen: a credential must not travel in the clear. The error never
// quotes the URL, which may be a secret.
func checkEndpoint(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return fmt.Errorf("not a URL")
	}
	if u.User != nil {
		return fmt.Errorf("the URL must not carry a user or password")
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("the URL must start with https://")
	}
	return nil
}

func parenthesized(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
