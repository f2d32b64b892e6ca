// Package notify tells people what a run found and did: it turns a report into
// messages and delivers them to Slack.
//
// Planning is pure. [Messages] takes a report and what has been told before and
// returns what should be said now; nothing new means no messages. Each message
// knows what counts as told once it is delivered, so a message that could not be
// delivered is due again in the next run. Delivery ([Sender], [Notifier]) is
// bounded by the caller's context, honours Slack's rate limits and falls back to
// plainer forms when Slack rejects a rich one.
//
// Everything that comes from the cluster or from Git (names, values, reasons,
// commit subjects) reaches Slack only in nodes that Slack does not parse:
// plain_text objects and rich_text text elements. The top-level text, which
// Slack does parse, is escaped. Nothing a repository or a cluster contains can
// therefore mention people, or place a link. Values arrive here already
// redacted; the token and the webhook URL are kept out of every error.
//
// Not built: threads, edits of earlier messages, reminders. A change is a new
// message.
package notify
